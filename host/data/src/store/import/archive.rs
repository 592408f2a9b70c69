//! Zip archives, read from the file as their texts are asked for, those above 4 GiB (zip64) too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;

/// The end of the directory stands in the last bytes: before a comment of at most 65535, after the end of zip64.
const TAIL: u64 = 65_535 + 22 + 20 + 56;
/// The largest directory that is read, bytes.
const LARGEST_DIRECTORY: u64 = 64 << 20;
/// What a field of 32 bits holds where the field of zip64 has the value.
const ELSEWHERE: u64 = 0xFFFF_FFFF;

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name in the archive.
    pub name: String,
    method: u64,
    sum: u32,
    packed: u64,
    size: u64,
    local: u64,
}

/// The text of an entry, whose length and checksum are verified at its end.
pub(super) struct Unpacked {
    from: Box<dyn Read>,
    sum: Crc,
    expected: u32,
    size: u64,
}

/// Little-endian numbers at places of some bytes.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn number(&self, from: usize, width: usize) -> Option<u64> {
        let bytes = self.0.get(from..from.checked_add(width)?)?;
        Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn is(&self, from: usize, magic: &[u8]) -> bool {
        self.0.get(from..from.saturating_add(magic.len())) == Some(magic)
    }
}

/// The files of an archive, without folders; `None` = it is damaged or of a kind that is not read.
pub(super) fn entries(file: &mut File) -> io::Result<Option<Vec<Entry>>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = read_at(file, length.saturating_sub(TAIL), TAIL)?;
    let Some((count, offset, size)) = directory(file, &tail, length)? else { return Ok(None) };
    if size > LARGEST_DIRECTORY {
        return Ok(None);
    }
    let bytes = read_at(file, offset, size)?;
    Ok(listed(&Bytes(&bytes), count))
}

/// Number of entries, place and length of the directory.
fn directory(file: &mut File, tail: &[u8], length: u64) -> io::Result<Option<(u64, u64, u64)>> {
    let bytes = Bytes(tail);
    let Some(end) = (0..tail.len().saturating_sub(21)).rev().find(|&from| bytes.is(from, b"PK\x05\x06"))
    else {
        return Ok(None);
    };
    let place = |at: usize| -> Option<(u64, u64, u64)> {
        Some((bytes.number(at + 10, 2)?, bytes.number(at + 16, 4)?, bytes.number(at + 12, 4)?))
    };
    let Some(locator) = end.checked_sub(20).filter(|&at| bytes.is(at, b"PK\x06\x07")) else {
        return Ok(place(end));
    };
    let Some(at) = bytes.number(locator + 8, 8).filter(|&at| at < length) else { return Ok(None) };
    let record = read_at(file, at, 56)?;
    let record = Bytes(&record);
    let place = || Some((record.number(32, 8)?, record.number(48, 8)?, record.number(40, 8)?));
    Ok(if record.is(0, b"PK\x06\x06") { place() } else { None })
}

fn listed(bytes: &Bytes<'_>, count: u64) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut at = 0;
    for _ in 0..count {
        if !bytes.is(at, b"PK\x01\x02") {
            return None;
        }
        let field = |from: usize, width: usize| bytes.number(at + from, width);
        let (name_length, extra_length) = (field(28, 2)? as usize, field(30, 2)? as usize);
        let name = bytes.0.get(at + 46..at + 46 + name_length)?;
        let extra = Bytes(bytes.0.get(at + 46 + name_length..at + 46 + name_length + extra_length)?);
        let mut large = large_fields(&extra).into_iter();
        let mut or_large = |value: u64| if value == ELSEWHERE { large.next() } else { Some(value) };
        let (size, packed) = (or_large(field(24, 4)?)?, or_large(field(20, 4)?)?);
        let local = or_large(field(42, 4)?)?;
        let name = String::from_utf8_lossy(name).into_owned();
        if !name.ends_with('/') {
            entries.push(Entry {
                name,
                method: field(10, 2)?,
                sum: field(16, 4)? as u32,
                packed,
                size,
                local,
            });
        }
        at += 46 + name_length + extra_length + field(32, 2)? as usize;
    }
    Some(entries)
}

/// The numbers of the zip64 field, in its order: size, packed size, place.
fn large_fields(extra: &Bytes<'_>) -> Vec<u64> {
    let mut at = 0;
    while let (Some(id), Some(length)) = (extra.number(at, 2), extra.number(at + 2, 2)) {
        let length = length as usize;
        if id == 1 {
            return (0..length / 8).filter_map(|index| extra.number(at + 4 + 8 * index, 8)).collect();
        }
        at += 4 + length;
    }
    Vec::new()
}

impl Entry {
    /// Opens the text of the entry; `None` = it is damaged, or packed in another way than deflated.
    pub fn open(&self, archive: &Path) -> io::Result<Option<Unpacked>> {
        let mut file = File::open(archive)?;
        let header = read_at(&mut file, self.local, 30)?;
        let header = Bytes(&header);
        let lengths = header.number(26, 2).zip(header.number(28, 2)).filter(|_| header.is(0, b"PK\x03\x04"));
        let Some((name, extra)) = lengths else { return Ok(None) };
        file.seek(SeekFrom::Start(self.local.saturating_add(30 + name + extra)))?;
        let data: Take<File> = file.take(self.packed);
        let from: Box<dyn Read> = match self.method {
            0 => Box::new(data),
            8 => Box::new(DeflateDecoder::new(data)),
            _ => return Ok(None),
        };
        Ok(Some(Unpacked { from, sum: Crc::new(), expected: self.sum, size: self.size }))
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.sum.update(&buffer[..count]);
        // The sum counts bytes by 32 bits; the stated length is compared by as many.
        let ends_well = self.sum.amount() == self.size as u32 && self.sum.sum() == self.expected;
        if count == 0 && !buffer.is_empty() && !ends_well {
            return Err(io::Error::other("it is damaged; download it again"));
        }
        Ok(count)
    }
}

/// Bytes at a place of a file: fewer at its end.
fn read_at(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
