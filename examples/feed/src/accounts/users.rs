//! Users: the seeded ones, with what was written on top.

use super::names::{Names, is_handle, over_seed};
use crate::api::accounts::v1::stored_name::Kind;
use crate::api::accounts::v1::{Contact, Role, StoredName, User};
use crate::check::{Check, DOMAIN, is_word, missing, now};
use crate::replica::Replica;
use crate::seed::Person;
use std::hash::{DefaultHasher, Hash, Hasher};
use tenet_client::store::Collection;
use tenet_service::Fault;
use tonic::Status;

/// Most labels of a user.
const MAX_LABELS: usize = 16;
/// Most addresses of pages about a user.
const MAX_URLS: usize = 8;

/// All users: each in the store, and all in memory, for questions about many.
pub(super) struct Users {
    names: Names,
    replica: Replica<StoredName>,
}

impl Users {
    pub(super) fn of(stored: Collection<StoredName>) -> Users {
        // Handles are asked for one by one.
        let identity = |name: &StoredName| (name.kind() == Kind::Identity).then(|| name.name.clone());
        let replica = Replica::of(&stored, identity);
        Users { names: Names { stored }, replica }
    }

    /// The user with this identity; `u999` is the whale.
    pub(super) async fn get(&self, id: &str) -> Result<User, Status> {
        let id = canonical(id);
        self.names.user(&id).await?.ok_or_else(|| no_user(&id))
    }

    /// The users with these identities, in their order; `None` is nobody.
    pub(super) async fn get_many(&self, ids: &[String]) -> Result<Vec<Option<User>>, Status> {
        let ids: Vec<String> = ids.iter().map(|id| canonical(id)).collect();
        self.names.users(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    /// The same for those who ask for many and often: some milliseconds old. Who is not known in memory is asked for in the store, so that
    /// nobody is missed who has just come.
    pub(super) async fn known(&self, ids: &[String]) -> Result<Vec<Option<User>>, Status> {
        let rows = self.replica.rows().await?;
        let of = |id: &String| {
            let id = canonical(id);
            over_seed(rows.get(&id).map(|stored| StoredName::clone(&stored)), &id)
        };
        let mut users: Vec<Option<User>> = ids.iter().map(of).collect();
        let unknown: Vec<usize> = (0..ids.len()).filter(|at| users[*at].is_none()).collect();
        if !unknown.is_empty() {
            let asked: Vec<String> = unknown.iter().map(|at| ids[*at].clone()).collect();
            for (at, user) in unknown.into_iter().zip(self.get_many(&asked).await?) {
                users[at] = user;
            }
        }
        Ok(users)
    }

    /// The user with this handle.
    pub(super) async fn by_handle(&self, handle: &str) -> Result<User, Status> {
        let found = match self.names.whose(handle).await? {
            Some(id) => self.names.user(&id).await?,
            None => None,
        };
        // Between the two questions it may have become another's.
        found.filter(|user| user.handle == handle).ok_or_else(|| {
            missing("USER_NOT_FOUND", "feed.accounts.v1.User", &format!("users with handle {handle}"))
        })
    }

    /// All users but the fans: by number, then those that were created.
    pub(super) async fn all(&self) -> Result<Vec<User>, Status> {
        let rows = self.replica.rows().await?;
        let of_seed = Person::users().filter_map(|person| {
            let id = person.id();
            over_seed(rows.get(&id).map(|stored| StoredName::clone(&stored)), &id)
        });
        let mut all: Vec<User> = of_seed.collect();
        let created = rows.filter(|stored| Person::from_id(&stored.name).is_none());
        all.extend(created.iter().filter_map(|stored| stored.user.clone()));
        Ok(all)
    }

    /// Creates a user whose fields were checked.
    pub(super) async fn create(&self, mut user: User, only_check: bool) -> Result<User, Status> {
        // What is taken is looked for before anything is written, so that the handle is named where both are taken; that it is still free
        // is a condition of the write.
        if self.names.whose(&user.handle).await?.is_some() {
            return Err(exists("handle", &user.handle));
        }
        user.create_time = Some(now());
        user.etag = etag(&user);
        let id = user.user_id.clone();
        if only_check {
            return match self.names.user(&id).await? {
                Some(_) => Err(exists("user_id", &id)),
                None => Ok(user),
            };
        }
        let written = self.names.change(&id, |there| match there {
            Some(_) => Err(exists("user_id", &id)),
            None => Ok(Some(user.clone())),
        });
        let (stored, version) = written.await?;
        self.replica.wrote(stored, version);
        Ok(user)
    }

    /// Changes a user by `change`, which may refuse.
    pub(super) async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut User) -> Result<(), Status>,
    ) -> Result<User, Status> {
        let id = canonical(id);
        let written = self.names.change(&id, |there| {
            let mut user = there.ok_or_else(|| no_user(&id))?;
            change(&mut user)?;
            user.etag = etag(&user);
            Ok(Some(user))
        });
        let (stored, version) = written.await?;
        let user = stored.user.clone();
        self.replica.wrote(stored, version);
        user.ok_or_else(|| no_user(&id))
    }

    /// Removes a user.
    pub(super) async fn remove(&self, id: &str) -> Result<(), Status> {
        let id = canonical(id);
        let written = self.names.change(&id, |there| there.map(|_| None).ok_or_else(|| no_user(&id)));
        let (stored, version) = written.await?;
        self.replica.wrote(stored, version);
        Ok(())
    }
}

/// One spelling for each identity.
pub(super) fn canonical(id: &str) -> String {
    Person::from_id(id).map_or_else(|| id.to_owned(), Person::id)
}

pub(super) fn no_user(id: &str) -> Status {
    missing("USER_NOT_FOUND", "feed.accounts.v1.User", &format!("users/{id}"))
}

pub(super) fn exists(field: &str, value: &str) -> Status {
    Fault::already_exists(format!("There is a user with {field} {value:?} already."))
        .reason("USER_EXISTS", DOMAIN)
        .metadata(field, value)
        .into()
}

pub(super) fn seeded(id: &str) -> Option<User> {
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
        .that(is_handle(handle), "user.handle", || {
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
