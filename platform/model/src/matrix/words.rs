//! What is done with data, and why: two closed lists. The numbers are stored and never change their meaning.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

macro_rules! word {
    ($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $count:literal,
     { $($(#[$item:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum $type { $($(#[$item])* $variant = $number),* }

        impl $type {
            pub const ALL: [Self; $count] = [$(Self::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }

            /// Its place in [`ALL`](Self::ALL).
            pub(crate) fn index(self) -> usize {
                self as usize
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::ALL
                    .into_iter()
                    .find(|word| word.as_str() == text)
                    .ok_or_else(|| InvalidId::new($what, $rule, text))
            }
        }
    };
}

word!(
    /// What is done with a person's data.
    Action, "an action of the law", "one of the seven, such as `store-primary`", 7, {
        /// The copy that serves.
        StorePrimary = 0, "store-primary";
        /// A copy that follows.
        StoreStandby = 1, "store-standby";
        /// A copy to restore from.
        StoreBackup = 2, "store-backup";
        /// A keyed digest of an address or name, kept by a directory authority.
        HoldClaim = 3, "hold-claim";
        /// Bytes leave the shard for another place.
        Transfer = 4, "transfer";
        /// A machine in the region sees the data in clear on its way.
        Process = 5, "process";
        /// A person at work in the region sees the data.
        OperatorAccess = 6, "operator-access";
    }
);

impl Action {
    /// The four that keep a copy: their answer is never conditional on consent.
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Self::StorePrimary | Self::StoreStandby | Self::StoreBackup | Self::HoldClaim
        )
    }
}

word!(
    /// Why it is done. A consent is given to one purpose.
    Purpose, "a purpose", "one of the seven, such as `service`", 7, {
        /// What the person asked for: the contract.
        Service = 0, "service";
        /// Measuring how the product is used.
        Analytics = 1, "analytics";
        /// Offers and campaigns.
        Marketing = 2, "marketing";
        /// Helping one person who asked for help.
        Support = 3, "support";
        /// A duty of the law: tax, court order, legal hold.
        Legal = 4, "legal";
        /// Protecting people and the platform: abuse, fraud, audit.
        Security = 5, "security";
        /// A person changes home, with all that is his.
        Relocation = 6, "relocation";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_written_and_stand_where_their_number_says() {
        for (index, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action.as_str().parse(), Ok(action));
            assert_eq!(action.index(), index);
        }
        for (index, purpose) in Purpose::ALL.into_iter().enumerate() {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
            assert_eq!(purpose.index(), index);
        }
        let error = "store".parse::<Action>().expect_err("a group, no action");
        assert_eq!(
            error.to_string(),
            "`store` is not an action of the law: one of the seven, such as `store-primary`"
        );
    }

    #[test]
    fn four_actions_keep_a_copy() {
        let keeping: Vec<_> = Action::ALL.into_iter().filter(|action| action.keeps()).collect();
        assert_eq!(keeping, Action::ALL[..4]);
    }
}
