//! What `docs/services.md` says of keeping state, compiled and run.

use super::contract::{SET, StoredUser};
use super::stage::Stage;
use tenet_client::store::{Change, Collection, Range, Store};
use tenet_service::{Fault, PropagateLayer};
use tonic::{Code, Status};

#[allow(dead_code)] // What it reads is there only in a service that the runner has started.
mod opening {
    use super::*;

    const DESCRIPTOR_SET: &[u8] = &[];

    pub(super) fn users() -> Result<Collection<StoredUser>, Box<dyn std::error::Error>> {
        // docs/services.md
        let store = Store::from_env(PropagateLayer)?;
        let users = store.collection::<StoredUser>(DESCRIPTOR_SET)?;
        // end
        Ok(users)
    }
}

// docs/services.md
/// In a handler: a `StoreError` becomes a status that says nothing of the inside.
async fn rename(users: &Collection<StoredUser>, user_id: &str, name: &str) -> Result<StoredUser, Status> {
    let renamed = users.update(user_id, |found| {
        let user = found.ok_or_else(|| Fault::not_found("There is no such user."))?;
        Ok::<_, Status>(Change::Put(StoredUser { name: name.to_owned(), ..user }))
    });
    renamed.await?.map(|kept| kept.value).ok_or_else(|| Status::internal("a user who was put is there"))
}

async fn page(users: &Collection<StoredUser>, after: &str) -> Result<Vec<StoredUser>, Status> {
    let mut found = users.scan(Range::all().after(after).limit(50));
    let mut page = Vec::new();
    while let Some(kept) = found.next().await {
        page.push(kept?.value);
    }
    Ok(page)
}
// end

#[tokio::test]
async fn the_example_does_what_it_says() {
    let stage = Stage::one().await;
    let users = stage.store.collection::<StoredUser>(&SET).unwrap();
    assert_eq!(rename(&users, "u1", "Ann").await.unwrap_err().code(), Code::NotFound);
    for user_id in ["u1", "u2", "u3"] {
        users.insert(&StoredUser { user_id: user_id.into(), name: String::new() }).await.unwrap();
    }
    assert_eq!(rename(&users, "u1", "Ann").await.unwrap().name, "Ann");
    let page = page(&users, "u1").await.unwrap();
    assert_eq!(page.iter().map(|user| user.user_id.as_str()).collect::<Vec<_>>(), ["u2", "u3"]);
    assert!(opening::users().is_err(), "nobody gave this process a secret");
}

#[test]
fn the_document_shows_what_is_run() {
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/services.md")).unwrap();
    let rust = include_str!("document.rs").split("// docs/services.md\n").skip(1);
    let rust = rust.filter_map(|part| part.split_once("// end\n")).map(|(part, _)| part);
    let proto = include_str!("notes.proto").split_once("// A user as we keep them.\n").unwrap().1;
    let proto = proto.split_once("\n\n").unwrap().0;
    let parts: Vec<&str> = rust.filter(|part| !part.contains("include_str")).chain([proto]).collect();
    assert_eq!(parts.len(), 3);
    for part in parts {
        let indent = part.len() - part.trim_start_matches(' ').len();
        let lines: Vec<&str> = part.lines().map(|line| line.get(indent..).unwrap_or("")).collect();
        let text = lines.join("\n");
        assert!(document.contains(text.trim()), "docs/services.md does not have\n{text}");
    }
}
