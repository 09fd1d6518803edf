//! Damaged files, as a table.

use super::site::{back_up, fill, token};
use std::path::Path;
use tenet_store::backup::{BackupError, FramePlace, FrameReader, MAGIC, Reader};
use tenet_store::engine::memory::Memory;

/// Where each frame begins, and where the last ends.
fn frames(file: &[u8]) -> Vec<usize> {
    let first = MAGIC.len();
    let mut reader = FrameReader::new(&file[first..], FramePlace { frame: 0, byte: first as u64 });
    let mut places = vec![first];
    while reader.frame().unwrap().is_some() {
        places.push(reader.place.byte as usize);
    }
    places
}

fn read(path: &Path, file: &[u8]) -> Result<(), BackupError> {
    std::fs::write(path, file).unwrap();
    Reader::open(path)?.read_all().map(|_| ())
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    let engine = Memory::new();
    fill(&engine, token(&engine).await).await;
    let foot = back_up(&engine, &path).await;
    assert!(foot.parts > 3 && foot.tally.items == 3003 && foot.tally.chunks == 3, "{foot:?}");
    let whole = std::fs::read(&path).unwrap();
    let at = frames(&whole);
    let copy = folder.path().join("damaged");
    read(&copy, &whole).unwrap();

    let check = |what: &str, change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut file = whole.clone();
        change(&mut file);
        let text = read(&copy, &file).expect_err(what).to_string();
        assert!(text.contains(expected), "{what}: {text:?} does not say {expected:?}");
    };
    let frame_2 = format!("frame 2 at byte {}", at[2]);
    check("empty", &|file| file.clear(), "is no backup");
    check("another file", &|file| file[..4].copy_from_slice(b"%PDF"), "is no backup");
    check("only the beginning", &|file| file.truncate(MAGIC.len() + 3), "is not whole");
    check("half a frame", &|file| file.truncate(at[2] + 9), "is not whole");
    check("no foot", &|file| file.truncate(at[at.len() - 2]), &format!("byte {}, after", at[at.len() - 2]));
    check("half a foot", &|file| file.truncate(at[at.len() - 1] - 1), "is not whole");
    check("a kind", &|file| file[at[2]] = b'?', &frame_2);
    check("a length", &|file| file[at[2] + 1] = 0xff, &frame_2);
    check("a byte of a row", &|file| file[at[2] + 1000] ^= 1, &frame_2);
    check("a byte of the sum", &|file| file[at[3] - 1] ^= 1, &frame_2);
    check("a byte of the head", &|file| file[at[0] + 20] ^= 1, "frame 0 at byte 8");
    check("a byte of the foot", &|file| file[at[at.len() - 1] - 20] ^= 1, "does not match its checksum");
    check("more behind it", &|file| file.extend(b"abc"), "3 bytes follow the foot");
    check("a part that was left out", &|file| drop(file.drain(at[2]..at[3])), &frame_2);
    let exchange = |file: &mut Vec<u8>| {
        let parts = [&whole[..at[1]], &whole[at[2]..at[3]], &whole[at[1]..at[2]], &whole[at[3]..]];
        *file = parts.concat();
    };
    check("parts exchanged", &exchange, &format!("frame 1 at byte {}", at[1]));
}

#[tokio::test]
async fn any_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole");
    let engine = Memory::new();
    super::site::declare(&engine, "users").await;
    let one = super::site::put(
        tenet_store::name::CollectionId(1),
        "u1",
        "",
        tenet_store::item::Value::Inline(super::site::bytes("one")),
        None,
    );
    tenet_store::engine::Engine::commit(&engine, vec![one]).await.unwrap();
    back_up(&engine, &path).await;
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut file = whole.clone();
        file[place] ^= 0x40;
        assert!(read(&path, &file).is_err(), "byte {place}");
        file.truncate(place);
        assert!(read(&path, &file).is_err(), "{place} bytes");
    }
}
