//! Whom a fault means, among those who run here. Pure: names in, places in the supervisor's lists out.

use crate::drill::{Fault, Means, Reach};
use std::collections::BTreeSet;

/// How alike a name must be to be proposed: below it the proposal is a guess.
const ALIKE: f64 = 0.6;
/// Names listed where none is alike; more would hide the rest of the message.
const LISTED: usize = 12;

/// One that runs, or is known.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub id: String,
    /// Its zone.
    pub zone: String,
    /// There can be no second one, so that it does not belong to a zone: it is meant only by its name.
    pub alone: bool,
}

/// Who there is.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// Instances that the supervisor runs.
    pub instances: Vec<Member>,
    /// Gateways.
    pub gateways: Vec<Member>,
    /// Instances that `tenet.toml` fixes at addresses of their own: no drill can stop them.
    pub elsewhere: Vec<Member>,
}

/// Whom a fault means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Places in [`Members::instances`].
    pub instances: Vec<usize>,
    /// Places in [`Members::gateways`].
    pub gateways: Vec<usize>,
    /// What a person should know before.
    pub notes: Vec<String>,
}

/// Finds them, or says which names there are.
pub fn choose(fault: &Fault, members: &Members) -> Result<Targets, String> {
    // Only a process can be killed or stopped with its gateway; fault points are those of instances.
    let processes = matches!(fault.means(0), Means::Kill | Means::Stop);
    match fault.reach() {
        Reach::Zone(zone) => in_zone(zone, members, processes),
        Reach::Callers => Ok(Targets::default()),
        Reach::Fleet => Ok(Targets {
            instances: (0..members.instances.len()).collect(),
            gateways: (0..members.gateways.len()).collect(),
            notes: Vec::new(),
        }),
        Reach::Instance(id) => {
            let place = |among: &[Member]| among.iter().position(|member| member.id == id);
            let instances: Vec<usize> = place(&members.instances).into_iter().collect();
            let gateways: Vec<usize> =
                if processes { place(&members.gateways).into_iter().collect() } else { Vec::new() };
            if instances.is_empty() && gateways.is_empty() {
                if members.elsewhere.iter().any(|member| member.id == id) {
                    return Err(format!("{id} does not run here: `tenet.toml` fixes its address"));
                }
                let known = members.instances.iter().chain(members.gateways.iter().filter(|_| processes));
                return Err(unknown("instance", id, known.map(|member| member.id.as_str()).collect()));
            }
            Ok(Targets { instances, gateways, notes: Vec::new() })
        }
    }
}

fn in_zone(zone: &str, members: &Members, processes: bool) -> Result<Targets, String> {
    let places = |among: &[Member]| -> Vec<usize> {
        let meant = |member: &Member| member.zone == zone && !member.alone;
        among.iter().enumerate().filter(|(_, member)| meant(member)).map(|(place, _)| place).collect()
    };
    let (instances, mut gateways) = (places(&members.instances), places(&members.gateways));
    let elsewhere = places(&members.elsewhere).len();
    if instances.is_empty() && gateways.is_empty() && (processes || elsewhere == 0) {
        let all = members.instances.iter().chain(&members.gateways).chain(&members.elsewhere);
        return Err(unknown("zone", zone, all.map(|member| member.zone.as_str()).collect()));
    }
    let mut notes = Vec::new();
    if processes {
        if gateways.is_empty() {
            notes.push(format!("zone {zone} has no gateway of its own: only its instances are meant"));
        }
        if gateways.len() == members.gateways.len() {
            notes.push(format!("zone {zone} holds every gateway: callers wait until it is back"));
        }
        if elsewhere > 0 {
            notes.push(format!("{elsewhere} instances of zone {zone} do not run here and stay as they are"));
        }
        for member in members.instances.iter().filter(|member| member.alone && member.zone == zone) {
            notes.push(format!("{} is not meant: there is only one, on one folder", member.id));
        }
    } else {
        // The network is slowed from all gateways' side; none of them is a target itself.
        gateways.clear();
    }
    Ok(Targets { instances, gateways, notes })
}

fn unknown(what: &str, wanted: &str, known: BTreeSet<&str>) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(wanted, name);
    let mut near: Vec<&str> = known.iter().copied().filter(|name| likeness(name) >= ALIKE).collect();
    near.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    near.truncate(3);
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if near.is_empty() {
        let mut all: Vec<&str> = known.into_iter().filter(|name| !name.is_empty()).collect();
        let more = if all.len() > LISTED { ", …" } else { "" };
        all.truncate(LISTED);
        return format!("no {what} is called `{wanted}`; there are {}{more}", list(&all));
    }
    format!("no {what} is called `{wanted}`\n  hint: did you mean {}?", list(&near))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, zone: &str) -> Member {
        Member { id: id.into(), zone: zone.into(), alone: id == "store-1" }
    }

    fn members() -> Members {
        Members {
            instances: vec![
                member("web-a-1", "a"),
                member("web-b-1", "b"),
                member("web-c-1", "c"),
                member("store-1", "a"),
            ],
            gateways: vec![member("gateway-1", "a"), member("gateway-2", "b")],
            elsewhere: vec![member("old-1", "c"), member("old-2", "far")],
        }
    }

    fn check(fault: &Fault, expected: Result<(&[usize], &[usize], &str), &str>) {
        match (choose(fault, &members()), expected) {
            (Ok(found), Ok((instances, gateways, note))) => {
                assert_eq!((found.instances.as_slice(), found.gateways.as_slice()), (instances, gateways));
                assert!(found.notes.join("\n").contains(note), "{fault}: {:?}", found.notes);
                assert_eq!(found.notes.is_empty(), note.is_empty(), "{fault}: {:?}", found.notes);
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{fault}: {found}"),
            (found, _) => panic!("{fault}: {found:?}"),
        }
    }

    #[test]
    fn a_zone_is_its_instances_and_its_gateway() {
        let lose = |zone: &str| Fault::LoseZone { zone: zone.into() };
        check(&lose("b"), Ok((&[1], &[1], "")));
        check(&lose("c"), Ok((&[2], &[], "zone c has no gateway")));
        check(&lose("a"), Ok((&[0], &[0], "store-1 is not meant")));
        check(&lose("c"), Ok((&[2], &[], "1 instances of zone c do not run here")));
        check(&lose("d"), Err("no zone is called `d`; there are `a`, `b`, `c`, `far`"));
        check(&lose("far"), Err("no zone is called `far`"));
        check(&lose("fir"), Err("did you mean `far`?"));
        check(&Fault::SlowNetwork { zone: "b".into(), delay_ms: 1 }, Ok((&[1], &[], "")));
        check(&Fault::SlowNetwork { zone: "far".into(), delay_ms: 1 }, Ok((&[], &[], "")));
    }

    #[test]
    fn one_is_found_by_its_name_and_gateways_only_where_processes_are_meant() {
        let hang = |id: &str| Fault::HangInstance { instance: id.into() };
        check(&hang("web-a-1"), Ok((&[0], &[], "")));
        check(&hang("store-1"), Ok((&[3], &[], "")));
        check(&hang("gateway-2"), Ok((&[], &[1], "")));
        check(&hang("web-a-2"), Err("did you mean `web-a-1`"));
        check(&hang("old-1"), Err("does not run here"));
        check(&Fault::BlackHole { instance: "gateway-2".into() }, Err("no instance is called"));
        check(&Fault::RollingRestart, Ok((&[0, 1, 2, 3], &[0, 1], "")));
        check(&Fault::Overload { times: 3.0 }, Ok((&[], &[], "")));
    }
}
