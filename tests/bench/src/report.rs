//! Medians, verdicts and the tables that are printed. Pure: numbers in, text out.

use std::fmt;

/// What a row must reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    /// At least this many percent of the floor's work per CPU.
    PercentOfFloor(f64),
    /// At most this many bytes.
    Bytes(f64),
    /// At most this many times the floor's CPU.
    TimesFloor(f64),
    /// At most this many times the floor's bytes.
    TimesBytes(f64),
}

/// The figures of one load over one transport, one pair per alternation.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) budget: Budget,
    /// Floor first. Nanoseconds per unit, or bytes.
    pub(crate) pairs: Vec<(f64, f64)>,
}

impl Row {
    /// Percent of the floor: the floor's cost by ours, of measurements that followed each other.
    fn ratios(&self) -> Vec<f64> {
        sorted(self.pairs.iter().map(|(floor, ours)| 100.0 * floor / ours))
    }

    pub(crate) fn passes(&self) -> bool {
        match self.budget {
            Budget::PercentOfFloor(least) => median(&self.ratios()) >= least,
            Budget::TimesFloor(most) | Budget::TimesBytes(most) => {
                median(&self.ratios()) >= 100.0 / most
            }
            Budget::Bytes(most) => {
                median(&sorted(self.pairs.iter().map(|(_, ours)| *ours))) <= most
            }
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floor = median(&sorted(self.pairs.iter().map(|(floor, _)| *floor)));
        let ours = median(&sorted(self.pairs.iter().map(|(_, ours)| *ours)));
        let ratios = self.ratios();
        let (least, most) = (
            ratios.first().copied().unwrap_or(f64::NAN),
            ratios.last().copied().unwrap_or(f64::NAN),
        );
        let verdict = if self.passes() { "PASS" } else { "below" };
        let bytes = |bytes: f64| format!("{bytes:.0} B");
        let with_rate = |cost: f64| format!("{}, {:.0}/s", microseconds(cost), 1e9 / cost);
        let (floor, ours, budget) = match self.budget {
            Budget::PercentOfFloor(percent) => (
                microseconds(floor),
                microseconds(ours),
                format!("at least {percent:.0} %"),
            ),
            Budget::Bytes(most) => (
                bytes(floor),
                bytes(ours),
                format!("at most {}", bytes(most)),
            ),
            Budget::TimesFloor(most) => (
                with_rate(floor),
                with_rate(ours),
                format!("at most {most} times the floor"),
            ),
            Budget::TimesBytes(most) => (
                bytes(floor),
                bytes(ours),
                format!("at most {most} times the floor"),
            ),
        };
        let Self {
            name, transport, ..
        } = self;
        let ratio = median(&ratios);
        write!(
            f,
            "| {name} | {transport} | {floor} | {ours} | {ratio:.0} % | {least:.0}-{most:.0} % | {budget} | {verdict} |"
        )
    }
}

/// The head of a table of `Row`s.
pub(crate) const ROW_HEAD: &str = "| load | transport | floor | this server | % of floor | spread | budget | |\n\
    |---|---|---|---|---|---|---|---|";

/// What something costs in nanoseconds per unit, under a name.
pub(crate) type Part = (&'static str, f64);

/// Costs of one kind of work between servers: in each alternation the parts of the yardstick, and last our own.
pub(crate) struct Cost {
    pub(crate) name: &'static str,
    /// The most that ours may cost, as a multiple of the whole yardstick.
    pub(crate) budget: Option<f64>,
    pub(crate) alternations: Vec<Vec<Part>>,
}

impl Cost {
    /// Ours by the sum of the yardstick's parts, of measurements that followed each other.
    fn ratios(&self) -> Vec<f64> {
        sorted(
            self.alternations
                .iter()
                .map(|parts| match parts.split_last() {
                    Some(((_, ours), yardstick)) => {
                        ours / yardstick.iter().map(|(_, cost)| cost).sum::<f64>()
                    }
                    None => f64::NAN,
                }),
        )
    }

    /// The median of each part.
    fn medians(&self) -> Vec<Part> {
        let names = self.alternations.first().into_iter().flatten();
        let median_of = |index: usize| {
            let costs = self
                .alternations
                .iter()
                .filter_map(|parts| parts.get(index));
            median(&sorted(costs.map(|(_, cost)| *cost)))
        };
        names
            .enumerate()
            .map(|(index, (name, _))| (*name, median_of(index)))
            .collect()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let medians = self.medians();
        let Some(((_, ours), yardstick)) = medians.split_last() else {
            return write!(f, "| {} | | | | | | |", self.name);
        };
        let yardstick = yardstick
            .iter()
            .map(|(name, cost)| format!("{name} {}", microseconds(*cost)))
            .collect::<Vec<_>>()
            .join(" + ");
        let ratios = self.ratios();
        let ratio = median(&ratios);
        let (least, most) = (
            ratios.first().copied().unwrap_or(f64::NAN),
            ratios.last().copied().unwrap_or(f64::NAN),
        );
        let (budget, verdict) = match self.budget {
            None => ("none".to_owned(), ""),
            Some(budget) => (
                format!("at most {budget:.1}"),
                if ratio <= budget { "PASS" } else { "above" },
            ),
        };
        let (name, ours) = (self.name, microseconds(*ours));
        write!(
            f,
            "| {name} | {yardstick} | {ours} | {ratio:.2} | {least:.2}-{most:.2} | {budget} | {verdict} |"
        )
    }
}

/// The head of a table of `Cost`s.
pub(crate) const COST_HEAD: &str = "| work | yardstick | this framework | times the yardstick | spread | budget | |\n\
    |---|---|---|---|---|---|---|";

/// Instructions per unit of one scripted load.
pub(crate) struct Count {
    pub(crate) name: &'static str,
    pub(crate) transport: &'static str,
    pub(crate) floor: f64,
    pub(crate) ours: f64,
    pub(crate) limit: Option<u64>,
}

impl Count {
    pub(crate) fn passes(&self) -> bool {
        self.limit.is_none_or(|limit| self.ours <= limit as f64)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            transport,
            floor,
            ours,
            ..
        } = self;
        let ratio = 100.0 * floor / ours;
        let (limit, verdict) = match self.limit {
            None => ("none".to_owned(), ""),
            Some(limit) => (
                limit.to_string(),
                if self.passes() { "PASS" } else { "ABOVE" },
            ),
        };
        write!(
            f,
            "| {name} | {transport} | {floor:.0} | {ours:.0} | {ratio:.0} % | {limit} | {verdict} |"
        )
    }
}

/// The head of a table of `Count`s.
pub(crate) const COUNT_HEAD: &str = "| instructions | transport | floor | this server | % of floor | limit | |\n\
    |---|---|---|---|---|---|---|";

fn microseconds(nanoseconds: f64) -> String {
    format!("{:.2} us", nanoseconds / 1000.0)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values = values.collect::<Vec<_>>();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle of sorted values, the mean of the middle two if their number is even.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len().is_multiple_of(2) {
        (at(middle.wrapping_sub(1)) + at(middle)) / 2.0
    } else {
        at(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[1.0, 5.0, 90.0]), 5.0);
        assert_eq!(median(&[1.0, 5.0, 7.0, 90.0]), 6.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_row_prints_the_median_of_its_paired_ratios() {
        let row = Row {
            name: "64x1",
            transport: "tcp",
            budget: Budget::PercentOfFloor(85.0),
            pairs: vec![(8000.0, 10000.0), (9000.0, 10000.0), (6000.0, 10000.0)],
        };
        let expected =
            "| 64x1 | tcp | 8.00 us | 10.00 us | 80 % | 60-90 % | at least 85 % | below |";
        assert_eq!(row.to_string(), expected);
    }

    #[test]
    fn memory_is_held_to_bytes_and_not_to_the_floor() {
        let mut row = Row {
            name: "idle",
            transport: "tcp",
            budget: Budget::Bytes(2048.0),
            pairs: vec![(5000.0, 2048.0)],
        };
        assert!(row.passes());
        row.pairs = vec![(5000.0, 2049.0)];
        assert!(!row.passes());
    }

    #[test]
    fn a_multiple_of_the_floor_is_the_most_that_passes() {
        let mut row = Row {
            name: "connect",
            transport: "tls",
            budget: Budget::TimesFloor(1.25),
            pairs: vec![(400_000.0, 500_000.0)],
        };
        let expected = "| connect | tls | 400.00 us, 2500/s | 500.00 us, 2000/s | 80 % | 80-80 % | at most 1.25 times the floor | PASS |";
        assert_eq!(row.to_string(), expected);
        row.pairs = vec![(400_000.0, 500_001.0)];
        assert!(!row.passes());
        row.budget = Budget::TimesBytes(1.5);
        row.pairs = vec![(6000.0, 9000.0)];
        let expected = "| connect | tls | 6000 B | 9000 B | 67 % | 67-67 % | at most 1.5 times the floor | PASS |";
        assert_eq!(row.to_string(), expected);
    }

    #[test]
    fn a_row_without_figures_does_not_pass() {
        let row = Row {
            name: "64x1",
            transport: "tcp",
            budget: Budget::PercentOfFloor(0.0),
            pairs: Vec::new(),
        };
        assert!(!row.passes());
    }

    #[test]
    fn a_cost_is_held_against_all_parts_of_its_yardstick_in_the_same_alternation() {
        let cost = Cost {
            name: "forward-64x1",
            budget: Some(1.5),
            alternations: vec![
                vec![("floor", 6000.0), ("raw", 4000.0), ("ours", 14000.0)],
                vec![("floor", 8000.0), ("raw", 4000.0), ("ours", 24000.0)],
                vec![("floor", 7000.0), ("raw", 3000.0), ("ours", 15100.0)],
            ],
        };
        assert_eq!(
            cost.to_string(),
            "| forward-64x1 | floor 7.00 us + raw 4.00 us | 15.10 us | 1.51 | 1.40-2.00 | at most 1.5 | above |"
        );
    }

    #[test]
    fn an_instruction_count_passes_up_to_its_limit() {
        let count = |ours| Count {
            name: "push",
            transport: "tcp",
            floor: 100.0,
            ours,
            limit: Some(1900),
        };
        assert!(count(1900.0).passes());
        assert!(!count(1900.5).passes());
        assert_eq!(
            count(2000.0).to_string(),
            "| push | tcp | 100 | 2000 | 5 % | 1900 | ABOVE |"
        );
    }
}
