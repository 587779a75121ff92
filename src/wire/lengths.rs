//! Checks every length in a message against the remaining bytes, before the message is decoded.
//!
//! The codec reserves memory for as many elements as an array claims to have, so twenty bytes can
//! request hundreds of gigabytes and kill the process. This module first walks over a message by
//! its [layout](super::layouts): an array must really have as many elements as it claims. The codec
//! then reserves no more than those elements take once decoded; the [framing](super::framing)
//! limits the size of a frame. Nothing is copied or interpreted.
//!
//! It is as strict as Kafka and no stricter: bytes after the message are allowed, and the size of a
//! known tagged field is not checked. Kafka treats a negative length other than −1 as null where
//! null is allowed; the codec does not, so it is refused here.

use super::layouts::{Field, FieldType, Layout};

/// Kafka accepts no longer string, although a compact length could express it.
const LONGEST_STRING: usize = i16::MAX as usize;

/// Walks over the message of `layout` at the start of `bytes`; returns its length, or what is wrong
/// with it.
pub(super) fn walk(bytes: &[u8], layout: &Layout, version: i16) -> Result<usize, String> {
    let mut walker = Walker { rest: bytes, version, compact: version >= layout.flexible_from };
    walker.fields(layout.fields)?;
    Ok(bytes.len() - walker.rest.len())
}

struct Walker<'a> {
    rest: &'a [u8],
    version: i16,
    /// Whether lengths are varints of the length plus one, and structs end with tagged fields.
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
        // Every element takes at least one byte.
        if count > left {
            return Err(format!(
                "{}: array of {count} entries, but {left} bytes are left",
                field.name
            ));
        }
        (0..count).try_for_each(|_| self.one(field))
    }

    /// Walks over the field, or over one element of it.
    fn one(&mut self, field: &Field) -> Result<(), String> {
        match field.what {
            FieldType::Fixed(size) => self.skip(field.name, size),
            FieldType::Struct(fields) => self.fields(fields),
            FieldType::Bytes => {
                let length = self.length(field.name, 4)?;
                self.skip(field.name, length)
            }
            FieldType::String => {
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

    /// A length of `width` bytes, or a varint where compact; 0 for null.
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
    format!("{name}: needs {wanted} bytes, but {left} are left")
}
