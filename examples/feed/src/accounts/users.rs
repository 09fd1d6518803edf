//! Users: the seeded ones, with what was written on top.

use crate::api::accounts::v1::{Contact, Role, User};
use crate::check::{Check, DOMAIN, is_word, missing, now};
use crate::seed::Person;
use crate::shelf::{Known, Shelf};
use std::hash::{DefaultHasher, Hash, Hasher};
use tenet_service::Fault;
use tonic::Status;

/// Most labels of a user.
const MAX_LABELS: usize = 16;
/// Most addresses of pages about a user.
const MAX_URLS: usize = 8;

/// All users.
pub(super) struct Users {
    pub(super) shelf: Shelf<User>,
}

impl Users {
    /// The user with this identity; `u999` is the whale.
    pub(super) fn get(&self, id: &str) -> Result<User, Status> {
        let id = canonical(id);
        self.shelf.get(&id)?.or_seed(|| seeded(&id)).ok_or_else(|| no_user(&id))
    }

    /// The user with this handle.
    pub(super) fn by_handle(&self, handle: &str) -> Result<User, Status> {
        let written = self
            .shelf
            .with(|all| all.filter_map(|(_, user)| user).find(|user| user.handle == handle).cloned())?;
        let found = match (written, Person::from_handle(handle)) {
            (Some(user), _) => Some(user),
            (None, Some(person)) => self.get(&person.id()).ok().filter(|user| user.handle == handle),
            (None, None) => None,
        };
        found.ok_or_else(|| {
            missing("USER_NOT_FOUND", "feed.accounts.v1.User", &format!("users with handle {handle}"))
        })
    }

    /// All users but the fans: by number, then those that were created.
    pub(super) fn all(&self) -> Result<Vec<User>, Status> {
        let mut all: Vec<User> = Vec::new();
        for person in Person::users() {
            let id = person.id();
            all.extend(self.shelf.get(&id)?.or_seed(|| seeded(&id)));
        }
        let created = self.shelf.with(|written| {
            let new = written.filter(|(id, _)| Person::from_id(id).is_none());
            new.filter_map(|(_, user)| user.cloned()).collect::<Vec<_>>()
        })?;
        all.extend(created);
        Ok(all)
    }

    /// Creates a user whose fields were checked.
    pub(super) fn create(&self, mut user: User, only_check: bool) -> Result<User, Status> {
        if self.by_handle(&user.handle).is_ok() {
            return Err(exists("handle", &user.handle));
        }
        user.create_time = Some(now());
        user.etag = etag(&user);
        let id = user.user_id.clone();
        let free = |known: Known<User>| match known.or_seed(|| seeded(&id)) {
            Some(_) => Err(exists("user_id", &id)),
            None => Ok(()),
        };
        if only_check {
            free(self.shelf.get(&id)?)?;
        } else {
            self.shelf.update(&id, |known| free(known).map(|()| (Some(user.clone()), ())))?;
        }
        Ok(user)
    }

    /// Changes a user by `change`, which may refuse.
    pub(super) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut User) -> Result<(), Status>,
    ) -> Result<User, Status> {
        let id = canonical(id);
        self.shelf.update(&id, |known| {
            let mut user = known.or_seed(|| seeded(&id)).ok_or_else(|| no_user(&id))?;
            change(&mut user)?;
            user.etag = etag(&user);
            Ok((Some(user.clone()), user))
        })
    }

    /// Removes a user.
    pub(super) fn remove(&self, id: &str) -> Result<(), Status> {
        let id = canonical(id);
        self.shelf.update(&id, |known| {
            known.or_seed(|| seeded(&id)).ok_or_else(|| no_user(&id))?;
            Ok((None, ()))
        })
    }
}

/// One spelling for each identity.
pub(super) fn canonical(id: &str) -> String {
    Person::from_id(id).map_or_else(|| id.to_owned(), Person::id)
}

fn no_user(id: &str) -> Status {
    missing("USER_NOT_FOUND", "feed.accounts.v1.User", &format!("users/{id}"))
}

fn exists(field: &str, value: &str) -> Status {
    Fault::already_exists(format!("There is a user with {field} {value:?} already."))
        .reason("USER_EXISTS", DOMAIN)
        .metadata(field, value)
        .into()
}

fn seeded(id: &str) -> Option<User> {
    let person = Person::from_id(id)?;
    let name = person.display_name();
    let role = match person {
        Person::User(number) if number.is_multiple_of(100) => Role::Moderator,
        Person::Fan(number) if number.is_multiple_of(50) => Role::Bot,
        _ => Role::Member,
    };
    #[allow(deprecated)] // old clients still read it
    let mut user = User {
        user_id: person.id(),
        handle: person.handle(),
        full_name: name.clone(),
        display_name: name,
        bio: (person == Person::Whale).then(|| "I follow everyone who follows me.".to_owned()),
        create_time: Some(person.create_time()),
        role: role.into(),
        contact: Some(Contact { email: format!("{}@feed.example", person.id()), urls: Vec::new() }),
        verified: match person {
            Person::Whale => Some(true),
            Person::User(number) if number.is_multiple_of(3) => Some(number.is_multiple_of(2)),
            _ => None,
        },
        ..User::default()
    };
    user.etag = etag(&user);
    Some(user)
}

fn etag(user: &User) -> Vec<u8> {
    let mut hasher = DefaultHasher::new();
    let bare = User { etag: Vec::new(), following_count: 0, ..user.clone() };
    prost::Message::encode_to_vec(&bare).hash(&mut hasher);
    hasher.finish().to_be_bytes().to_vec()
}

/// Checks the fields a caller may set, as fields of `user`.
pub(super) fn check(user: &User, check: &mut Check) {
    let handle = &user.handle;
    check
        .that(is_word(&handle.to_lowercase(), 3, 20, "_"), "user.handle", || {
            format!("is {handle:?}; expected 3 to 20 letters, digits or `_`")
        })
        .length(&user.display_name, 80, "user.display_name")
        .length(user.bio(), 300, "user.bio")
        .that(Role::try_from(user.role).is_ok(), "user.role", || {
            format!("is {}, which is no role", user.role)
        })
        .that(user.labels.len() <= MAX_LABELS, "user.labels", || {
            format!("has {} labels; at most {MAX_LABELS} are allowed", user.labels.len())
        });
    for (key, value) in &user.labels {
        check
            .that(is_word(key, 1, 32, "_-"), &format!("user.labels[{key:?}]"), || {
                "expected a key of 1 to 32 lower-case letters, digits, `_` or `-`".to_owned()
            })
            .length(value, 100, &format!("user.labels[{key:?}]"));
    }
    if let Some(contact) = &user.contact {
        let parts = contact.email.split('@').filter(|part| !part.is_empty()).count();
        let fine = contact.email.is_empty() || parts == 2 && contact.email.matches('@').count() == 1;
        check
            .that(fine, "user.contact.email", || {
                format!("is {:?}; expected one `@` between two parts", contact.email)
            })
            .length(&contact.email, 200, "user.contact.email")
            .that(contact.urls.len() <= MAX_URLS, "user.contact.urls", || {
                format!("has {} addresses; at most {MAX_URLS} are allowed", contact.urls.len())
            });
    }
}
