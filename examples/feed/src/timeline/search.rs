//! Search: looks at every post of the numbered users, which is what a thousand users allow.

use super::posts::{from_seed, kind};
use super::rules::check_place;
use crate::api::timeline::v1::post::Content;
use crate::api::timeline::v1::{Post, PostKind, SearchPostsRequest, SearchPostsResponse, StoredPost};
use crate::check::{Check, nanos, wrong};
use crate::google::r#type::LatLng;
use crate::page;
use crate::replica::Rows;
use crate::seed::Person;
use std::collections::HashSet;
use tonic::Status;

/// Radius of the earth in kilometres.
const EARTH_KM: f64 = 6371.0;

/// The posts that match everything that is given: those that were written, and the seeded ones that were not written over.
pub(super) fn search(
    written: &Rows<StoredPost>,
    request: &SearchPostsRequest,
) -> Result<SearchPostsResponse, Status> {
    let size = page::size(request.page_size, 20, 200)?;
    let wanted_kind = PostKind::try_from(request.kind)
        .map_err(|_| wrong("kind", format!("is {}, which is no kind", request.kind)))?;
    let mut faults = Check::default();
    faults.length(&request.query, 200, "query").that(
        !request.query.trim().is_empty() || !request.tags.is_empty() || request.near.is_some(),
        "query",
        || "is empty, and there are no tags and no place; expected something to search for".to_owned(),
    );
    let near = request.near.map(|near| (near.centre.unwrap_or_default(), near.radius_km));
    if let Some((centre, radius)) = &near {
        check_place(centre, "near.centre", &mut faults);
        faults.that(*radius > 0.0, "near.radius_km", || format!("is {radius}; expected more than 0"));
    }
    faults.done()?;

    let words: Vec<String> = request.query.split_whitespace().map(str::to_lowercase).collect();
    let window = request.window.unwrap_or_default();
    let matches = |post: &Post| {
        let text = match &post.content {
            Some(Content::Text(text)) => text.to_lowercase(),
            Some(Content::Picture(picture)) => picture.description.to_lowercase(),
            Some(Content::Poll(poll)) => poll.question.to_lowercase(),
            None => String::new(),
        };
        let time = post.create_time.as_ref().map_or(0, nanos);
        words.iter().all(|word| text.contains(word))
            && (request.tags.is_empty() || request.tags.iter().any(|tag| post.tags.contains(tag)))
            && window.start.as_ref().is_none_or(|start| time >= nanos(start))
            && window.end.as_ref().is_none_or(|end| time < nanos(end))
            && (wanted_kind == PostKind::Unspecified || kind(post) == wanted_kind)
            && near.as_ref().is_none_or(|(centre, radius)| {
                post.place.as_ref().is_some_and(|place| distance_km(centre, place) <= *radius)
            })
    };

    let written = written.filter(|_| true);
    let mut candidate_count = written.len() as i64;
    let mut found: Vec<Post> = written
        .iter()
        .filter_map(|stored| stored.post.as_ref())
        .filter(|post| matches(post))
        .cloned()
        .collect();
    let changed: HashSet<String> = written.iter().map(|stored| stored.name()).collect();
    for seed in Person::users().flat_map(Person::posts) {
        candidate_count += 1;
        let post = from_seed(&seed);
        if matches(&post) && !changed.contains(&post.name) {
            found.push(post);
        }
    }
    found.sort_by(|a, b| super::posts::order(b).cmp(&super::posts::order(a)));
    found.truncate(size);
    Ok(SearchPostsResponse { posts: found, candidate_count })
}

/// Distance on the great circle (haversine).
fn distance_km(a: &LatLng, b: &LatLng) -> f64 {
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let (lat, lng) = ((lat_b - lat_a) / 2.0, (b.longitude - a.longitude).to_radians() / 2.0);
    let h = lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * lng.sin().powi(2);
    2.0 * EARTH_KM * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let berlin = LatLng { latitude: 52.52, longitude: 13.405 };
        let paris = LatLng { latitude: 48.8566, longitude: 2.3522 };
        assert!((distance_km(&berlin, &paris) - 878.0).abs() < 2.0);
        assert!(distance_km(&paris, &paris) < 0.001);
    }
}
