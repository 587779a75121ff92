//! Holds every length in a message against the bytes that are left, before the message is decoded.
//!
//! The codec reserves room for as many elements as an array claims to have, so twenty bytes can ask it for
//! hundreds of gigabytes, and the process ends. Here a message is walked over first, by its
//! [layout](super::layouts): an array of so many elements must really have them. What passes makes
//! the codec reserve no more than its elements take once decoded; how many bytes a frame may have at all, the
//! [framing](super::framing) says. Nothing is copied, and nothing is understood.
//!
//! Strict where Kafka is, and nowhere else: bytes after the message are no error, and the size of a
//! tagged field that is known is not looked at. A negative length other than −1 Kafka takes for null where
//! null is allowed; the codec does not, so it is refused here.

use super::layouts::{Field, Layout, What};

/// Kafka reads no string that is longer, though a compact length could say so.
const LONGEST_STRING: usize = i16::MAX as usize;

/// Walks over the message of `layout` that `bytes` begin with: how long it is, or what is wrong with it.
pub(super) fn walk(bytes: &[u8], layout: &Layout, version: i16) -> Result<usize, String> {
    let mut walker = Walker { rest: bytes, version, compact: version >= layout.flexible_from };
    walker.fields(layout.fields)?;
    Ok(bytes.len() - walker.rest.len())
}

struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    /// Whether lengths are varints, one more than what they say, and structs end with tagged fields.
    compact: bool,
}

impl Walker<'_> {
    fn fields(&mut self, fields: &[Field]) -> Result<(), String> {
        let version = self.version;
        for field in fields.iter().filter(|field| field.tag.is_none() && field.is_in(version)) {
            self.field(field)?;
        }
        match self.compact {
            true => self.tagged_fields(fields),
            false => Ok(()),
        }
    }

    fn field(&mut self, field: &Field) -> Result<(), String> {
        if !field.many {
            return self.one(field);
        }
        let count = self.length(field.name, 4)?;
        let left = self.rest.len();
        // No element is of no bytes.
        if count > left {
            return Err(format!("{}: array of {count} entries in {left} bytes", field.name));
        }
        (0..count).try_for_each(|_| self.one(field))
    }

    /// The field itself, or one element of it.
    fn one(&mut self, field: &Field) -> Result<(), String> {
        match field.what {
            What::Fixed(size) => self.skip(field.name, size),
            What::Struct(fields) => self.fields(fields),
            What::Bytes => {
                let length = self.length(field.name, 4)?;
                self.skip(field.name, length)
            }
            What::String => {
                let length = self.length(field.name, 2)?;
                if length > LONGEST_STRING {
                    return Err(format!("{}: string of {length} bytes", field.name));
                }
                self.skip(field.name, length)
            }
        }
    }

    fn tagged_fields(&mut self, fields: &[Field]) -> Result<(), String> {
        for _ in 0..self.varint("tagged fields")? {
            let tag = self.varint("a tag")?;
            let size = self.varint("the size of a tagged field")?;
            match fields.iter().find(|field| field.tag == Some(tag)) {
                Some(field) if field.is_in(self.version) => self.field(field)?,
                Some(field) => return Err(format!("{}: not in this version", field.name)),
                None => self.skip("a tagged field", size as usize)?,
            }
        }
        Ok(())
    }

    /// A length, which is of `width` bytes unless it is compact. That of null is 0.
    fn length(&mut self, name: &str, width: usize) -> Result<usize, String> {
        if self.compact {
            return Ok((self.varint(name)? as usize).saturating_sub(1));
        }
        let length = match width {
            2 => i32::from(i16::from_be_bytes(self.array(name)?)),
            _ => i32::from_be_bytes(self.array(name)?),
        };
        match length {
            -1 => Ok(0),
            _ => usize::try_from(length).map_err(|_| format!("{name}: length of {length}")),
        }
    }

    fn varint(&mut self, name: &str) -> Result<u32, String> {
        let mut value = 0;
        for at in 0..5 {
            let [byte] = self.array(name)?;
            value |= u32::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(format!("{name}: varint of more than 5 bytes"))
    }

    fn array<const SIZE: usize>(&mut self, name: &str) -> Result<[u8; SIZE], String> {
        let left = self.rest.len();
        let (first, rest) =
            self.rest.split_first_chunk().ok_or_else(|| too_few(name, SIZE, left))?;
        self.rest = rest;
        Ok(*first)
    }

    fn skip(&mut self, name: &str, size: usize) -> Result<(), String> {
        let left = self.rest.len();
        self.rest = self.rest.get(size..).ok_or_else(|| too_few(name, size, left))?;
        Ok(())
    }
}

fn too_few(name: &str, wanted: usize, left: usize) -> String {
    format!("{name}: {wanted} bytes where {left} are left")
}
