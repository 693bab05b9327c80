//! `policy diff`: two laws, as what lets less happen and what lets more.

use anyhow::Result;
use clap::Args;
use control_plane_residency::diff;
use platform_model::matrix::Matrix;
use serde::Serialize;

use super::version::Named;
use crate::command::DeskArgs;
use crate::exit::Ended;
use crate::law::plan::group;
use crate::law::source::Source;
use crate::law::standing::matrix_of;
use crate::law::views::{GroupView, LawName};
use crate::printer::Printer;
use crate::world::operator;

/// Compares two laws: folders, or versions that the controllers keep. Exit code 3 if they differ.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy diff v1 law")]
pub struct Diff {
    /// The law before: a folder, or a version such as `v1`.
    from: Named,
    /// The law after.
    to: Named,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct DiffView {
    from: LawName,
    to: LawName,
    differs: bool,
    narrower: Vec<GroupView>,
    wider: Vec<GroupView>,
    countries: Vec<(String, Option<String>, Option<String>)>,
    sinks: Vec<String>,
}

impl Diff {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let view = DiffView::of(&self.matrix(&self.from).await?, &self.matrix(&self.to).await?);
        printer.say(&view.text());
        printer.document(&view);
        Ok(if view.differs { Ended::Differs } else { Ended::Ok })
    }

    async fn matrix(&self, named: &Named) -> Result<Matrix> {
        match named {
            Named::Folder(dir) => Ok(Source::read(dir)?.ready()?.compiled.matrix),
            Named::Version(version) => {
                let view = self.world.desk()?.admin.law().await.map_err(operator::explain)?;
                matrix_of(&view, *version)
            }
        }
    }
}

impl DiffView {
    fn of(from: &Matrix, to: &Matrix) -> Self {
        let diff = diff(from, to);
        let name = |j: &Option<platform_model::Jurisdiction>| j.as_ref().map(ToString::to_string);
        let countries = diff.countries.iter();
        Self {
            from: from.into(),
            to: to.into(),
            differs: !diff.is_empty(),
            narrower: diff.narrower.iter().map(GroupView::from).collect(),
            wider: diff.wider.iter().map(GroupView::from).collect(),
            countries: countries
                .map(|(country, before, after)| (country.to_string(), name(before), name(after)))
                .collect(),
            sinks: diff.sinks.into_iter().collect(),
        }
    }

    fn text(&self) -> String {
        if !self.differs {
            return format!("{} and {} answer alike", self.from.version, self.to.version);
        }
        let mut lines = vec![format!("from {} to {}", self.from.version, self.to.version)];
        lines.extend(self.narrower.iter().map(|points| format!("- {}", group(points))));
        lines.extend(self.wider.iter().map(|points| format!("+ {}", group(points))));
        for (country, before, after) in &self.countries {
            let name = |j: &Option<String>| j.clone().unwrap_or_else(|| "nobody".to_owned());
            lines.push(format!("~ {country}: {} -> {}", name(before), name(after)));
        }
        lines.extend(self.sinks.iter().map(|sink| format!("~ sink {sink}")));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::sample;

    #[test]
    fn what_lets_less_and_what_lets_more_are_told_apart() {
        let before = sample::law(1, "").compiled.matrix;
        let after = sample::law(2, &[sample::NARROWER, sample::WIDER].concat())
            .compiled
            .matrix;
        insta::assert_snapshot!(DiffView::of(&before, &after).text());
        assert!(!DiffView::of(&before, &before).differs);
    }
}
