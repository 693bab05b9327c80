//! `residency classes`: each class of data, whose, where copies of it are, and the rule that permits it there.

use anyhow::Result;
use clap::Args;
use platform_model::DataClass;

use super::evidence::Evidence;
use crate::command::DeskArgs;
use crate::evidence::class::{ClassView, classes};
use crate::exit::Ended;
use crate::printer::Printer;

/// Shows where each class of data is, and by which rule. Exit code 3 if one is where no rule permits it.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl residency classes --class health")]
pub struct Classes {
    /// Only this class.
    #[arg(long, value_name = "CLASS")]
    class: Option<DataClass>,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

impl Classes {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let evidence = Evidence::fetch(&self.world).await?;
        let wanted = |view: &ClassView| self.class.is_none_or(|class| class.as_str() == view.class);
        let views: Vec<ClassView> = classes(&evidence.proved.report)
            .into_iter()
            .filter(wanted)
            .collect();
        let header = ["class", "of", "region", "as", "shards", "rule", "article"];
        printer.table(&header, &views.iter().map(row).collect::<Vec<_>>());
        printer.document(&views);
        let permitted = views.iter().all(|view| view.permitted);
        if !permitted {
            printer.hint(&self.world.named("cellctl residency diff"));
        }
        Ok(if permitted { Ended::Ok } else { Ended::Differs })
    }
}

fn row(view: &ClassView) -> Vec<String> {
    vec![
        view.class.to_owned(),
        view.jurisdiction.clone(),
        view.region.clone(),
        view.action.to_owned(),
        view.shards.to_string(),
        view.rule.clone().unwrap_or_else(|| "none: DENIED".to_owned()),
        view.article.clone().unwrap_or_default(),
    ]
}
