//! Strategies whose core module was made by hand: what no compiler of ours would emit.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use crate::built::repository;

const TABLE: u8 = 4;
const MEMORY: u8 = 5;
const EXPORT: u8 = 7;
const START: u8 = 8;
const CODE: u8 = 10;

/// A function that never ends: `loop br 0 end unreachable`.
const LOOP: [u8; 6] = [0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b];
/// A function that grows table 0 for ever: `loop (table.grow 0 (ref.null func) (i32.const 0x10000)) drop br 0 end`.
const GROW_TABLE: [u8; 16] =
    [0x00, 0x03, 0x40, 0xd0, 0x70, 0x41, 0x80, 0x80, 0x04, 0xfc, 0x0f, 0x00, 0x1a, 0x0c, 0x00, 0x0b];

/// What is wrong with a strategy.
#[derive(Clone, Copy, Debug)]
pub enum Craft {
    /// It begins with an endless loop, before any of its functions is called.
    LoopsAtStart,
    /// Every function grows its table.
    GrowsTable,
    /// It is born with a table of ten million entries.
    HugeTable,
    /// It is born with a memory of 3.7 GiB.
    HugeMemory,
}

/// A strategy of the contract without imports, with something wrong.
pub fn crafted(craft: Craft) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(repository().join("wit/v0.1")).expect("the contract");
    let world = "package test:test;\nworld crafted {\n\
                 export cryptobot:plugin/lifecycle@0.1.0;\n export cryptobot:plugin/events@0.1.0;\n}";
    let package = resolve.push_str("test.wit", world).expect("a world");
    let world = resolve.select_world(&[package], None).expect("one world");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let mut module = altered(&module, craft);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).expect("a module");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

fn altered(module: &[u8], craft: Craft) -> Vec<u8> {
    let mut sections = sections(module);
    let count = |content: &[u8]| number(content).0;
    let mut set = |id: u8, content: Vec<u8>| {
        sections.retain(|(of, _)| *of != id);
        let at = sections.iter().position(|(of, _)| *of > id).unwrap_or(sections.len());
        sections.insert(at, (id, content));
    };
    match craft {
        Craft::HugeTable => set(TABLE, [vec![1, 0x70, 0], leb(10_000_000)].concat()),
        Craft::HugeMemory => set(MEMORY, [vec![1, 0], leb(60_000)].concat()),
        Craft::GrowsTable => {
            set(TABLE, vec![1, 0x70, 0, 0]);
            let code = content(&sections, CODE);
            let bodies = bodies(count(code), &GROW_TABLE);
            replace(&mut sections, CODE, bodies);
        }
        Craft::LoopsAtStart => {
            let stop = exported(content(&sections, EXPORT), "#stop");
            let bodies = bodies(count(content(&sections, CODE)), &LOOP);
            replace(&mut sections, CODE, bodies);
            let at = sections.iter().position(|(of, _)| *of > START && *of != 0).expect("a code section");
            sections.insert(at, (START, leb(stop)));
        }
    }
    let mut bytes = module[..8].to_vec();
    for (id, content) in sections {
        bytes.push(id);
        bytes.extend(leb(content.len() as u32));
        bytes.extend(content);
    }
    bytes
}

type Sections = Vec<(u8, Vec<u8>)>;

/// The sections of a module but the custom ones.
fn sections(module: &[u8]) -> Sections {
    let (mut sections, mut rest) = (Vec::new(), &module[8..]);
    while let [id, after @ ..] = rest {
        let (length, read) = number(after);
        let (content, next) = after[read..].split_at(length as usize);
        if *id != 0 {
            sections.push((*id, content.to_vec()));
        }
        rest = next;
    }
    sections
}

fn content(sections: &Sections, id: u8) -> &[u8] {
    sections.iter().find(|(of, _)| *of == id).map(|(_, content)| content.as_slice()).expect("a section")
}

fn replace(sections: &mut Sections, id: u8, content: Vec<u8>) {
    let section = sections.iter_mut().find(|(of, _)| *of == id).expect("a section");
    section.1 = content;
}

/// A code section of so many functions, all with the same body.
fn bodies(count: u32, body: &[u8]) -> Vec<u8> {
    // Unreachable, so that the body fits every type, and the end.
    let body = [body, &[0x00, 0x0b]].concat();
    let one = [leb(body.len() as u32), body].concat();
    [leb(count), one.repeat(count as usize)].concat()
}

/// The index of the function whose exported name ends so.
fn exported(section: &[u8], ending: &str) -> u32 {
    let (count, mut at) = number(section);
    for _ in 0..count {
        let (length, read) = number(&section[at..]);
        let name = &section[at + read..at + read + length as usize];
        at += read + length as usize + 1;
        let (index, read) = number(&section[at..]);
        at += read;
        if name.ends_with(ending.as_bytes()) {
            return index;
        }
    }
    panic!("no export {ending}");
}

/// An unsigned number in LEB128, and how many bytes it has.
fn number(bytes: &[u8]) -> (u32, usize) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, index + 1);
        }
    }
    panic!("a number without an end");
}

fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
