//! Messages generated from a layout, to compare it with the codec.

use crate::wire::layouts::{Field, FieldType, Layout};

/// A tag that no message has: a field of a future version.
const TAG_TO_COME: u32 = 77;

/// A message with `entries` entries in each array. With none, strings and bytes are empty too and
/// there is no tagged field; otherwise no field is at its default, and each struct has an unknown
/// tagged field.
pub fn message(layout: &Layout, version: i16, entries: u8) -> Vec<u8> {
    let compact = version >= layout.flexible_from;
    let mut maker = Maker { bytes: Vec::new(), version, compact, entries, drawn: 0 };
    maker.fields(layout.fields);
    maker.bytes
}

struct Maker {
    bytes: Vec<u8>,
    version: i16,
    compact: bool,
    entries: u8,
    drawn: u8,
}

impl Maker {
    fn fields(&mut self, fields: &[Field]) {
        let version = self.version;
        let (tagged, plain): (Vec<&Field>, Vec<&Field>) =
            fields.iter().filter(|field| field.is_in(version)).partition(|f| f.tag.is_some());
        plain.into_iter().for_each(|field| self.field(field));
        if self.compact {
            self.tagged_fields(tagged);
        }
    }

    fn tagged_fields(&mut self, mut tagged: Vec<&Field>) {
        if self.entries == 0 {
            return self.varint(0);
        }
        tagged.sort_by_key(|field| field.tag);
        self.varint(tagged.len() as u32 + 1);
        for field in tagged {
            let before = std::mem::take(&mut self.bytes);
            self.field(field);
            let value = std::mem::replace(&mut self.bytes, before);
            self.varint(field.tag.expect("a tagged field"));
            self.varint(value.len() as u32);
            self.bytes.extend(value);
        }
        self.varint(TAG_TO_COME);
        self.varint(3);
        self.some_bytes(3);
    }

    fn field(&mut self, field: &Field) {
        if !field.many {
            return self.one(field.what);
        }
        self.length(usize::from(self.entries), 4);
        (0..self.entries).for_each(|_| self.one(field.what));
    }

    fn one(&mut self, what: FieldType) {
        let length = if self.entries == 0 { 0 } else { 5 };
        match what {
            // A number that also fits a bool.
            FieldType::Fixed(1) => self.bytes.push(1),
            FieldType::Fixed(size) => self.some_bytes(size),
            FieldType::Struct(fields) => self.fields(fields),
            FieldType::String => {
                self.length(length, 2);
                self.some_bytes(length);
            }
            FieldType::Bytes => {
                self.length(length, 4);
                self.some_bytes(length);
            }
        }
    }

    fn length(&mut self, length: usize, width: usize) {
        match (self.compact, width) {
            (true, _) => self.varint(length as u32 + 1),
            (false, 2) => self.bytes.extend((length as i16).to_be_bytes()),
            (false, _) => self.bytes.extend((length as i32).to_be_bytes()),
        }
    }

    fn varint(&mut self, value: u32) {
        assert!(value < 1 << 14, "samples are small");
        if value >= 1 << 7 {
            self.bytes.push(value as u8 | 0x80);
            return self.bytes.push((value >> 7) as u8);
        }
        self.bytes.push(value as u8);
    }

    /// Never all the same, never zero, and always valid text.
    fn some_bytes(&mut self, count: usize) {
        for _ in 0..count {
            self.drawn = (self.drawn + 1) % 26;
            self.bytes.push(b'a' + self.drawn);
        }
    }
}
