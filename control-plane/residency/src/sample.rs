//! Laws of any size, for measurements: as many jurisdictions and regions as one likes, six rules for each.

use std::fmt::Write;

use crate::source::{Bundle, LAW_FILE};

/// A law of so many jurisdictions and regions. Each jurisdiction is one country; regions are dealt out among them in
/// turn. Every jurisdiction has a home, grounds to send to two regions abroad, and rules like those of real laws.
///
/// # Panics
/// If there is no jurisdiction, fewer regions than jurisdictions, or more than a law may have.
pub fn bundle(jurisdictions: usize, regions: usize) -> Bundle {
    assert!(
        jurisdictions > 0 && regions >= jurisdictions,
        "every jurisdiction has a region"
    );
    let mut files = vec![(LAW_FILE.to_owned(), document(jurisdictions, regions))];
    files.push(("common.cedar".to_owned(), COMMON.to_owned()));
    for number in 0..jurisdictions {
        files.push((
            format!("j{number:02}.cedar"),
            RULES.replace("NAME", &format!("j{number:02}")),
        ));
    }
    Bundle::from_files(files).expect("a law of the form that the laws have")
}

fn document(jurisdictions: usize, regions: usize) -> String {
    let mut text = format!(
        "version = 1\ndate = \"2026-11-01\"\ntitle = \"A law for measurements.\"\ncatalogues = [\"{}\"]\n",
        "0".repeat(64)
    );
    let mut add = |line: String| writeln!(text, "{line}").expect("a string takes all text");
    for region in 0..regions {
        let country = country(region % jurisdictions);
        add(format!("[regions.r{region:02}]\ncountry = \"{country}\""));
        add("attested = { by = \"measurement\", on = \"2026-10-01\" }".to_owned());
    }
    for number in 0..jurisdictions {
        add(format!(
            "[jurisdictions.j{number:02}]\nname = \"Jurisdiction {number}\""
        ));
        add(format!(
            "countries = [\"{}\"]\nauthority = [\"r{number:02}\"]",
            country(number)
        ));
    }
    for number in 0..jurisdictions {
        let (near, far) = ((number + 1) % regions, (number + 7) % regions);
        for (kind, region) in [("adequacy", near), ("standard-clauses", far)] {
            add(format!(
                "[[mechanisms]]\nkind = \"{kind}\"\njurisdiction = \"j{number:02}\""
            ));
            add(format!(
                "regions = [\"r{region:02}\"]\narticle = \"Art. 1\"\nevidence = \"file 1\""
            ));
        }
    }
    text
}

/// A code of two letters for each of 676 countries.
fn country(number: usize) -> String {
    let letter = |number: usize| char::from(b'A' + u8::try_from(number % 26).expect("below 26"));
    [letter(number / 26), letter(number)].into_iter().collect()
}

const COMMON: &str = r#"
@id("unattested") @article("Art. 5") @reason("Nobody knows where it is.") @owner("o")
forbid (principal, action, resource) unless { resource.attested };

@id("operational") @article("Art. 2") @reason("Says nothing about a person.") @owner("o")
permit (principal, action in [Action::"transfer", Action::"process"], resource)
when { context.class == DataClass::"operational" };
"#;

const RULES: &str = r#"
@id("NAME-home") @article("Art. 6") @reason("At home.") @owner("o")
permit (principal == Jurisdiction::"NAME", action, resource in Jurisdiction::"NAME")
when { ![Purpose::"analytics", Purpose::"marketing"].contains(context.purpose) };

@id("NAME-consent") @article("Art. 7") @reason("Asked for.") @owner("o")
permit (
  principal == Jurisdiction::"NAME",
  action in [Action::"transfer", Action::"process"],
  resource in Jurisdiction::"NAME"
) when { [Purpose::"analytics", Purpose::"marketing"].contains(context.purpose) && context.consent };

@id("NAME-public") @article("Art. 45") @reason("Shown to others.") @owner("o")
permit (
  principal == Jurisdiction::"NAME",
  action in [Action::"transfer", Action::"store-standby", Action::"store-backup"],
  resource
) when {
  context.mechanisms.contains(Mechanism::"adequacy") &&
  [DataClass::"public-profile", DataClass::"social"].contains(context.class) &&
  context.purpose == Purpose::"service"
};

@id("NAME-clauses") @article("Art. 46") @reason("Agreed.") @owner("o")
permit (principal == Jurisdiction::"NAME", action == Action::"transfer", resource)
when {
  context.mechanisms.containsAny([Mechanism::"adequacy", Mechanism::"standard-clauses"]) &&
  (context.class == DataClass::"contact" || context.class == DataClass::"behaviour") &&
  context.purpose == Purpose::"service"
};

@id("NAME-workouts") @article("Art. 49") @reason("Consented.") @owner("o")
permit (principal == Jurisdiction::"NAME", action == Action::"transfer", resource)
when {
  [DataClass::"health", DataClass::"location"].contains(context.class) &&
  context.purpose == Purpose::"service" && context.consent
};

@id("NAME-copies-stay") @article("Art. 44") @reason("Kept at home.") @owner("o")
forbid (
  principal == Jurisdiction::"NAME",
  action in [Action::"store", Action::"hold-claim"],
  resource
) when {
  ![DataClass::"public-profile", DataClass::"social", DataClass::"operational"].contains(context.class)
} unless { resource in principal };
"#;
