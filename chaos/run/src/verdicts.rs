//! Table `verdicts` of a result: what each checker says of the whole run, in the one shape of all checkers.

use chaos::verdict::Verdict;
use platform_report::Document;

use crate::judge::Judgement;

/// Puts them into a result.
pub fn tell(document: &mut Document, verdicts: &[Verdict]) {
    let rows = serde_json::to_value(verdicts).unwrap_or_default();
    document.tables.insert("verdicts".into(), rows);
}

/// What a scenario found by itself: texts under the name of the anomaly. `looked_at`: operations, and those whose
/// outcome nobody was told.
pub fn of_cases(checker: &str, looked_at: (usize, usize), cases: &[(&str, &[String])]) -> Verdict {
    let mut verdict = Verdict::new(checker, looked_at.0, looked_at.1);
    for (name, texts) in cases {
        for text in *texts {
            verdict.add(name, text);
        }
    }
    verdict
}

/// One for each checker over all rounds, each with what it is called. `lost_later`: files of earlier rounds that were
/// not there when looked for once more. Where something could not be read it is undecided whether anything is lost.
pub fn over<'a>(
    rounds: impl Iterator<Item = (String, &'a Judgement)>,
    lost_later: &[String],
) -> [Verdict; 4] {
    let named = |checker| Verdict::new(checker, 0, 0);
    let mut acknowledged = named("acknowledged");
    let (mut linearizable, mut transactions, mut edits) =
        (named("linearizable"), named("transactions"), named("async"));
    for (round, judgement) in rounds {
        let unreadable = Verdict {
            undecided: judgement.unreadable.clone(),
            ..named("acknowledged")
        };
        acknowledged.absorb(&round, &judgement.acknowledged);
        acknowledged.absorb(&round, &unreadable);
        linearizable.absorb(&round, &judgement.linearizable);
        transactions.absorb(&round, &judgement.transactions);
        for (verdict, _) in &judgement.edits {
            edits.absorb(&round, verdict);
        }
    }
    for lost in lost_later {
        acknowledged.add("lost-later", lost);
    }
    [acknowledged, linearizable, transactions, edits]
}

#[cfg(test)]
mod tests {
    use chaos::checkers::acknowledged::Counts;

    use super::*;

    #[test]
    fn what_a_scenario_found_is_a_verdict_with_a_name_for_each_case() {
        let twice = ["a: 2 hold it".to_owned()];
        let verdict = of_cases("claims", (9, 3), &[("held-by-two", &twice), ("stuck", &[])]);
        assert_eq!((verdict.operations, verdict.unknown, verdict.found), (9, 3, 1));
        assert!(verdict.has("held-by-two") && !verdict.has("stuck"));
        assert!(of_cases("claims", (9, 3), &[("stuck", &[])]).is_clean());
    }

    #[test]
    fn a_run_has_one_verdict_of_each_checker() {
        let mut lost = Verdict::new("acknowledged", 10, 0);
        lost.add("lost", "a file");
        let judgement = |acknowledged: Verdict, unreadable: &[&str]| Judgement {
            histories: Vec::new(),
            counts: Counts::default(),
            acknowledged,
            linearizable: Verdict::new("linearizable", 20, 2),
            transactions: Verdict::new("transactions", 20, 2),
            unreadable: unreadable.iter().map(ToString::to_string).collect(),
            edits: vec![(lost.clone(), Counts::default())],
        };
        let rounds = [
            judgement(Verdict::new("acknowledged", 10, 0), &["no answer"]),
            judgement(lost.clone(), &[]),
        ];
        let named = rounds
            .iter()
            .enumerate()
            .map(|(at, one)| (format!("round {at}"), one));
        let [acknowledged, linearizable, transactions, edits] = over(named, &["later".to_owned()]);
        assert_eq!((acknowledged.operations, acknowledged.found), (20, 2));
        assert!(acknowledged.has("lost") && acknowledged.has("lost-later"));
        assert_eq!(acknowledged.undecided, ["round 0: no answer"]);
        assert_eq!((linearizable.operations, linearizable.unknown), (40, 4));
        assert!(linearizable.is_clean() && transactions.is_clean());
        assert_eq!((edits.checker.as_str(), edits.found), ("async", 2));
    }
}
