//! How busy an instance says it is: ORCA load reports, read and written by hand.
//!
//! ```text
//!   endpoint-load-metrics-bin ──base64 undone by the caller──▶ bytes ──from_bytes─┐
//!   endpoint-load-metrics: TEXT cpu_utilization=0.3, …  ────────────────from_text─┴─▶ Report ──▶ utilisation()
//! ```
//!
//! The message is `xds.data.orca.v3.OrcaLoadReport`; how it travels with answers says gRFC A51, what it is used for A58, and the text
//! form is Envoy's. Five of its fields matter here, all doubles; everything else is skipped. A hand-written reader of five fields
//! costs less than the generated types of the xDS tree, and it runs for each answer.

mod wire;

use wire::{Field, Fields};

/// A utilisation above this is a mistake, not an overload: percent where a fraction is due, perhaps.
pub const UTILISATION_MOST: f64 = 10.0;
/// The longest report that is read, in bytes. Reports of Envoy and gRPC are below 1 KiB; a header block is 8 KiB or more.
pub const REPORT_MOST: usize = 4096;

/// What a report says; 0 where it says nothing, as proto3 has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Field 1: share of the CPU in use, above 1 beyond a soft limit.
    pub cpu_utilization: f64,
    /// Field 2: share of the memory in use.
    pub mem_utilization: f64,
    /// Field 6: requests a second that the instance serves.
    pub rps_fractional: f64,
    /// Field 7: errors a second.
    pub eps: f64,
    /// Field 9: share of whatever the application runs out of first.
    pub application_utilization: f64,
}

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportError {
    /// It is longer than [`REPORT_MOST`].
    TooLong,
    /// It is no protobuf message, or a known field has another type.
    Malformed,
    /// The text form does not begin with `TEXT `.
    Format,
    /// Something in the text form is no `name=number`.
    Number,
    /// A known field is NaN, infinite, negative or a utilisation above [`UTILISATION_MOST`].
    Value,
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ReportError::TooLong => "the load report is longer than 4096 bytes",
            ReportError::Malformed => "the load report is no xds.data.orca.v3.OrcaLoadReport",
            ReportError::Format => "the load report does not begin with \"TEXT \"",
            ReportError::Number => "the load report has something other than name=number between its commas",
            ReportError::Value => "the load report has a value that is no number, negative or absurd",
        })
    }
}

impl std::error::Error for ReportError {}

impl Report {
    /// Reads the message. Of a field that comes twice the last counts (protobuf encoding, "Last One Wins").
    pub fn from_bytes(bytes: &[u8]) -> Result<Report, ReportError> {
        if bytes.len() > REPORT_MOST {
            return Err(ReportError::TooLong);
        }
        let mut report = Report::default();
        for field in Fields::of(bytes) {
            let Field { number, double } = field.ok_or(ReportError::Malformed)?;
            let Some((_, slot)) = report.slots().into_iter().find(|((known, _), _)| *known == number) else {
                continue;
            };
            *slot = double.ok_or(ReportError::Malformed)?;
        }
        report.checked()
    }

    /// Reads the text form, `TEXT name=number, …`, also with `:` for `=` as Envoy does. Names it does not know are skipped.
    pub fn from_text(text: &str) -> Result<Report, ReportError> {
        if text.len() > REPORT_MOST {
            return Err(ReportError::TooLong);
        }
        let pairs = text.strip_prefix("TEXT ").ok_or(ReportError::Format)?;
        let mut report = Report::default();
        for pair in pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, number) = pair.split_once(['=', ':']).ok_or(ReportError::Number)?;
            let number: f64 = number.trim().parse().map_err(|_| ReportError::Number)?;
            if let Some((_, slot)) = report.slots().into_iter().find(|((_, known), _)| *known == name.trim())
            {
                *slot = number;
            }
        }
        report.checked()
    }

    /// The message, fields in order, those that are 0 left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut report, mut bytes) = (*self, Vec::new());
        for ((number, _), value) in report.slots() {
            if *value != 0.0 {
                wire::put_double(&mut bytes, number, *value);
            }
        }
        bytes
    }

    /// The text form.
    pub fn to_text(&self) -> String {
        let mut report = *self;
        let named = report.slots().into_iter().filter(|(_, value)| **value != 0.0);
        let pairs: Vec<String> = named.map(|((_, name), value)| format!("{name}={value}")).collect();
        format!("TEXT {}", pairs.join(", "))
    }

    /// How busy the instance is, 0 to [`UTILISATION_MOST`]: by the application's own measure where it gives one, else by its CPU (gRFC A58);
    /// `None` where it says neither.
    pub fn utilisation(&self) -> Option<f64> {
        [self.application_utilization, self.cpu_utilization].into_iter().find(|value| *value > 0.0)
    }

    /// Number and name of each field, and where its value is.
    fn slots(&mut self) -> [((u32, &'static str), &mut f64); 5] {
        [
            ((1, "cpu_utilization"), &mut self.cpu_utilization),
            ((2, "mem_utilization"), &mut self.mem_utilization),
            ((6, "rps_fractional"), &mut self.rps_fractional),
            ((7, "eps"), &mut self.eps),
            ((9, "application_utilization"), &mut self.application_utilization),
        ]
    }

    fn checked(mut self) -> Result<Report, ReportError> {
        let sound = self.slots().into_iter().all(|((_, name), value)| {
            let most = if name.ends_with("utilization") { UTILISATION_MOST } else { f64::MAX };
            (0.0..=most).contains(value)
        });
        if sound { Ok(self) } else { Err(ReportError::Value) }
    }
}

#[cfg(test)]
mod tests;
