//! `feed.timeline.v1.Media`: files as bytes with a media type.

use crate::api::timeline::v1::media_server::Media as Contract;
use crate::api::timeline::v1::{GetMediaRequest, MediaInfo, PutMediaRequest, StoredMedia};
use crate::check::{Check, missing, now};
use crate::google::api::HttpBody;
use crate::seed::Person;
use tenet_client::store::Collection;
use tonic::{Request, Response, Status};

/// Largest file that is stored.
const MAX_BYTES: usize = 1 << 20;
/// Longest path.
const MAX_PATH: usize = 200;

/// All media, by path. What is longer than an item of the store goes there and comes back in pieces, which nobody here has to know.
#[derive(Clone)]
pub(super) struct Media {
    pub(super) stored: Collection<StoredMedia>,
}

#[tonic::async_trait]
impl Contract for Media {
    async fn get_media(&self, request: Request<GetMediaRequest>) -> Result<Response<HttpBody>, Status> {
        let path = request.into_inner().path;
        let nothing = || missing("MEDIA_NOT_FOUND", "feed.timeline.v1.Media", &format!("media/{path}"));
        if !is_path(&path) {
            return Err(nothing());
        }
        let found = match self.stored.get(&path).await? {
            Some(kept) => {
                let StoredMedia { content_type, data, .. } = kept.value;
                Some(HttpBody { content_type, data, extensions: Vec::new() })
            }
            None => avatar(&path),
        };
        found.ok_or_else(nothing).map(Response::new)
    }

    async fn put_media(&self, request: Request<PutMediaRequest>) -> Result<Response<MediaInfo>, Status> {
        let PutMediaRequest { path, body } = request.into_inner();
        let mut body = body.unwrap_or_default();
        let size = body.data.len();
        if body.content_type.is_empty() {
            body.content_type = "application/octet-stream".to_owned();
        }
        Check::default()
            .that(is_path(&path), "path", || {
                format!("is {path:?}; expected segments of letters, digits, `.`, `-` and `_`")
            })
            .that(size <= MAX_BYTES, "body.data", || {
                format!("has {size} bytes; at most {MAX_BYTES} are allowed")
            })
            .that(
                body.content_type.contains('/') && body.content_type.is_ascii(),
                "body.content_type",
                || format!("is {:?}; expected a media type as image/png", body.content_type),
            )
            .done()?;
        let info = MediaInfo {
            path: path.clone(),
            content_type: body.content_type.clone(),
            size_bytes: size as i64,
            update_time: Some(now()),
            crc32: crc32(&body.data),
        };
        let HttpBody { content_type, data, .. } = body;
        let update_time = info.update_time;
        self.stored.put(&StoredMedia { path, content_type, data, update_time }).await?;
        Ok(Response::new(info))
    }
}

/// Whether something can be stored at this path.
pub(super) fn is_path(path: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    path.len() <= MAX_PATH
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != ".." && part.chars().all(fine))
}

/// A picture for everyone who exists from the start.
fn avatar(path: &str) -> Option<HttpBody> {
    let person = Person::from_id(path.strip_prefix("avatars/")?.strip_suffix(".svg")?)?;
    let name = person.display_name();
    let hue = name.bytes().fold(7u32, |hue, byte| hue * 31 % 360 + u32::from(byte)) % 360;
    let letter = name.chars().next().unwrap_or('?');
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\"><circle cx=\"32\" cy=\"32\" r=\"32\" \
         fill=\"hsl({hue} 45% 45%)\"/><text x=\"32\" y=\"42\" font-size=\"28\" text-anchor=\"middle\" \
         fill=\"white\" font-family=\"sans-serif\">{letter}</text></svg>\n"
    );
    Some(HttpBody {
        content_type: "image/svg+xml".to_owned(),
        data: svg.into_bytes(),
        extensions: Vec::new(),
    })
}

/// CRC-32 (ISO-HDLC, as in gzip), bit by bit: files are small.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, fine) in [
            ("a", true),
            ("a/b-c_d.png", true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a//b", false),
            ("../a", false),
            ("a/./b", false),
            ("a b", false),
            ("%2e", false),
        ] {
            assert_eq!(is_path(path), fine, "{path}");
        }
        assert!(!is_path(&"a".repeat(201)));
    }

    #[test]
    fn crc_of_the_check_string() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
