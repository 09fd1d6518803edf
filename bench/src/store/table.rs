//! The tables of `store`, and what was expected.

use super::candidate::Kind;
use super::load::{CHANNELS, Seen};
use super::server::SETTINGS;
use super::workload::{EXPONENT, RECORDS, VALUE_BYTES};
use super::{Arguments, CLIENTS, WRITES};
use crate::report::Report;
use crate::statistics::{median, range};

/// The clients of which something is expected.
const EXPECTED_CLIENTS: usize = 256;

/// All rounds of one candidate in one cell.
pub struct Row {
    /// Of a hundred steps.
    pub writes_percent: u64,
    /// At once.
    pub clients: usize,
    /// Who did the work.
    pub kind: Kind,
    /// Round by round.
    pub rounds: Vec<Seen>,
}

impl Row {
    fn of(&self, value: impl Fn(&Seen) -> f64) -> Vec<f64> {
        self.rounds.iter().map(value).collect()
    }

    /// Round by round against `measure`.
    fn to(&self, measure: &Row) -> Vec<f64> {
        self.rounds.iter().zip(&measure.rounds).map(|(own, other)| own.rate / other.rate).collect()
    }
}

/// Writes everything into the report.
pub fn write(report: &mut Report, rows: &[Row], arguments: &Arguments, sync_us: f64) {
    report.line(&format!(
        "Core {} has PostgreSQL and the store processes, core {} the clients. Each client asks again as soon as it is answered: one record of {VALUE_BYTES} bytes \
         by its key, chosen by Zipf's law ({EXPONENT}) among {RECORDS}. {} rounds of {} s in turns; median (least – most), ratios round by round. CPU is user and system time for one step. \
         One fsync of a page takes this disk {sync_us:.0} µs.",
        crate::machine::PROXY_CORE,
        crate::machine::LOAD_CORE,
        arguments.rounds,
        arguments.seconds
    ));
    report.line(&format!(
        "Directly: a connection for each client, prepared statements through tokio-postgres, one row read or upserted. Through the store: gRPC over {CHANNELS} connections (as of {CHANNELS} instances of a \
         service) to processes that run the store's service over the SDK for services, with the limits of `tenet store serve`; each write also keeps its token, so that it is done once however often it is sent. \
         PostgreSQL for all: {}.",
        SETTINGS.join(", ")
    ));
    let head = [
        "clients",
        "way",
        "steps/s",
        "÷ directly",
        "p50 µs",
        "p99 µs",
        "PostgreSQL µs",
        "store µs",
        "its core busy",
        "load core busy",
    ];
    for writes in WRITES {
        let of_mix: Vec<&Row> = rows.iter().filter(|row| row.writes_percent == writes).collect();
        if of_mix.is_empty() {
            continue;
        }
        report.line(&format!("**{writes} % writes**"));
        let mut table = vec![head.map(String::from).to_vec()];
        for clients in CLIENTS {
            let of_cell = || of_mix.iter().filter(|row| row.clients == clients);
            let direct = of_cell().find(|row| row.kind == Kind::Direct);
            table.extend(of_cell().map(|row| cells(row, direct.copied())));
        }
        report.table(&table);
    }
    for writes in WRITES {
        verdicts(rows, writes).into_iter().for_each(|line| report.line(&line));
    }
}

fn spread(values: &[f64], digits: usize) -> String {
    let (low, high) = range(values);
    if values.len() < 2 {
        return format!("{:.digits$}", median(values));
    }
    format!("{:.digits$} ({low:.digits$} – {high:.digits$})", median(values))
}

fn cells(row: &Row, direct: Option<&Row>) -> Vec<String> {
    let middle = |value: &dyn Fn(&Seen) -> f64| median(&row.of(value));
    // The embedded engine does other work on another disk file: it is no answer to what PostgreSQL costs.
    let compared = direct.filter(|_| !matches!(row.kind, Kind::Direct | Kind::Embedded));
    vec![
        row.clients.to_string(),
        row.kind.title().to_owned(),
        spread(&row.of(|seen| seen.rate), 0),
        compared.map_or_else(String::new, |direct| spread(&row.to(direct), 2)),
        format!("{:.0}", middle(&|seen| seen.p50)),
        spread(&row.of(|seen| seen.p99), 0),
        format!("{:.1}", middle(&|seen| seen.server_us)),
        format!("{:.1}", middle(&|seen| seen.store_us)),
        format!("{:.0} %", middle(&|seen| seen.busy[0]) * 100.0),
        format!("{:.0} %", middle(&|seen| seen.busy[1]) * 100.0),
    ]
}

/// What was expected of strict reads at the most clients: at least so many times the throughput, and a lower p99.
fn verdicts(rows: &[Row], writes: u64) -> Vec<String> {
    let expected = if writes == 0 { 3.0 } else { 1.5 };
    let find = |kind| {
        rows.iter()
            .find(|row| row.kind == kind && row.clients == EXPECTED_CLIENTS && row.writes_percent == writes)
    };
    let Some(direct) = find(Kind::Direct) else { return Vec::new() };
    let mut lines = Vec::new();
    for own in [Kind::One, Kind::Two].into_iter().filter_map(find) {
        let ratio = median(&own.to(direct));
        let p99 = [own, direct].map(|row| median(&row.of(|seen| seen.p99)));
        let held = |held: bool| if held { "held" } else { "LOST" };
        let what = format!("{EXPECTED_CLIENTS} clients, {writes} % writes, {}", own.kind.title());
        lines.push(format!(
            "{what}: expected at least {expected} × the direct throughput, measured {ratio:.2}: {}. Expected a lower p99, measured {:.0} µs against {:.0}: {}. {}",
            held(ratio >= expected),
            p99[0],
            p99[1],
            held(p99[0] < p99[1]),
            reason(own, direct)
        ));
    }
    lines
}

/// Where the time of a step goes.
fn reason(own: &Row, direct: &Row) -> String {
    let middle = |row: &Row, value: fn(&Seen) -> f64| median(&row.of(value));
    format!(
        "A step costs PostgreSQL {:.1} µs instead of {:.1}, and the store {:.1} µs, on a core that is {:.0} % busy ({:.0} % directly); the load core is {:.0} % busy ({:.0} %).",
        middle(own, |seen| seen.server_us),
        middle(direct, |seen| seen.server_us),
        middle(own, |seen| seen.store_us),
        middle(own, |seen| seen.busy[0]) * 100.0,
        middle(direct, |seen| seen.busy[0]) * 100.0,
        middle(own, |seen| seen.busy[1]) * 100.0,
        middle(direct, |seen| seen.busy[1]) * 100.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, rate: f64, p99: f64) -> Row {
        let seen = Seen { rate, p50: p99 / 2.0, p99, server_us: 5.0, store_us: 20.0, busy: [0.99, 0.5] };
        Row { writes_percent: 0, clients: EXPECTED_CLIENTS, kind, rounds: vec![seen.clone(), seen] }
    }

    #[test]
    fn what_was_expected_is_held_or_lost() {
        for (rate, p99, throughput, latency) in [
            (310.0, 90.0, "3.10: held", "90 µs against 100: held"),
            (290.0, 100.0, "2.90: LOST", "100 µs against 100: LOST"),
        ] {
            let rows = [row(Kind::Direct, 100.0, 100.0), row(Kind::One, rate, p99)];
            let lines = verdicts(&rows, 0);
            assert_eq!(lines.len(), 1);
            assert!(lines[0].contains(throughput) && lines[0].contains(latency), "{}", lines[0]);
            assert!(lines[0].contains("core that is 99 % busy"), "{}", lines[0]);
            assert!(verdicts(&rows, 10).is_empty());
        }
        assert_eq!(cells(&row(Kind::Embedded, 9.0, 9.0), None)[3], "");
    }
}
