//! The law: how long it takes to read and compile one of 40 jurisdictions and 60 regions, how large its matrix is, and
//! what one question costs.

use anyhow::{Result, ensure};
use control_plane_residency::{Law, sample};
use platform_model::DataClass;
use platform_model::matrix::{Action, Matrix, Purpose};
use platform_report::{Document, Figure};
use platform_runtime::Clock;
use serde_json::Value;

use crate::output;
use crate::statistics::Spread;
use crate::versions;

const JURISDICTIONS: usize = 40;
const REGIONS: usize = 60;
/// Seconds to build the matrix from the text of the law.
const BUILD_S_MOST: f64 = 2.0;
const MIB_MOST: f64 = 8.0;
/// Nanoseconds for one point, asked by the names of its places.
const POINT_NS_MOST: f64 = 20.0;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub builds: usize,
    /// Questions of one pass.
    pub questions: usize,
    pub passes: usize,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            builds: 10,
            questions: 2_000_000,
            passes: 12,
        }
    }

    pub fn quick() -> Self {
        Self {
            builds: 2,
            questions: 100_000,
            passes: 3,
        }
    }
}

/// # Errors
/// The law of the measurement does not compile.
pub fn run(plan: Plan) -> Result<Document> {
    let clock = Clock::system();
    let bundle = sample::bundle(JURISDICTIONS, REGIONS);
    let (mut builds, mut matrix) = (Vec::new(), None);
    for build in 1..=plan.builds.max(1) {
        output::progress(&format!("law: build {build} of {}", plan.builds));
        let began = clock.monotonic();
        let law = Law::read(&bundle).map_err(|faults| anyhow::anyhow!("{faults}"))?;
        let compiled = law.compile().map_err(|faults| anyhow::anyhow!("{faults}"))?;
        builds.push(clock.monotonic().saturating_sub(began).as_secs_f64());
        matrix = Some(compiled.matrix);
    }
    let matrix = matrix.expect("at least one was built");
    output::progress("law: questions");
    let points: Vec<f64> = (0..plan.passes)
        .map(|_| ns_per_question(&clock, &matrix, plan.questions))
        .collect::<Result<_>>()?;
    document(&builds, &points, &matrix)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of a matrix are far below 2^53")]
fn document(builds: &[f64], points: &[f64], matrix: &Matrix) -> Result<Document> {
    let (build, point) = (
        Spread::of(builds.iter().copied()),
        Spread::of(points.iter().copied()),
    );
    let mib = matrix.table_bytes() as f64 / f64::from(1 << 20);
    let mut document = Document::new("law");
    document.figures = vec![
        Figure::at_most("law-build-s", build.most, "s", BUILD_S_MOST),
        Figure::at_most("law-matrix-mib", mib, "MiB", MIB_MOST),
        Figure::at_most("law-point-ns", point.median, "ns", POINT_NS_MOST),
    ];
    let rows = vec![build.row("law-build-s"), point.row("law-point-ns")];
    document
        .tables
        .insert("law-spread".to_owned(), Value::Array(rows));
    document.versions = versions::versions(&["cedar-policy"])?;
    document.notes.push(
        "build: from the text to the matrix, the slowest of the runs; a point by the names of its places"
            .to_owned(),
    );
    document.notes.extend(versions::profile_note());
    Ok(document)
}

/// Points spread over the whole matrix: places, actions, classes and purposes all change from one to the next.
#[expect(
    clippy::cast_precision_loss,
    reason = "a number of questions is far below 2^53"
)]
fn ns_per_question(clock: &Clock, matrix: &Matrix, questions: usize) -> Result<f64> {
    let (jurisdictions, regions) = (matrix.jurisdictions(), matrix.regions());
    ensure!(
        !jurisdictions.is_empty() && !regions.is_empty(),
        "the matrix has no places"
    );
    let (mut permitted, mut at) = (0_usize, 0_usize);
    let began = clock.monotonic();
    for _ in 0..questions {
        at = at.wrapping_add(2_654_435_761);
        let ruling = matrix.ask(
            &jurisdictions[at % jurisdictions.len()],
            Action::ALL[at / 7 % Action::ALL.len()],
            &regions[at / 11 % regions.len()],
            DataClass::ALL[at / 13 % DataClass::ALL.len()],
            Purpose::ALL[at / 17 % Purpose::ALL.len()],
        );
        permitted += usize::from(std::hint::black_box(ruling).is_permitted());
    }
    let took = clock.monotonic().saturating_sub(began);
    ensure!(
        permitted > 0 && permitted < questions,
        "{permitted} of {questions} points are permitted"
    );
    Ok(took.as_secs_f64() * 1e9 / questions as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_there_and_is_something() {
        let document = run(Plan {
            builds: 1,
            questions: 10_000,
            passes: 1,
        })
        .expect("it ran");
        let names: Vec<&str> = document
            .figures
            .iter()
            .map(|figure| figure.name.as_str())
            .collect();
        assert_eq!(names, ["law-build-s", "law-matrix-mib", "law-point-ns"]);
        assert!(document.figures.iter().all(|figure| figure.value > 0.0));
    }
}
