//! [`FactorShape`]: how a size is split into the legs of a chain.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::error::ChainError;

/// The most legs that a size is split into; more only make bonds.
pub const MAX_LEGS: usize = 12;

/// By which rule sizes are split, and how the factors of both sides are paired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorRule {
    /// Factors as equal as the size allows, large ones of the input side with small ones of the output side, which makes the sum of
    /// `I_k·O_k`, and so the parameters of a bond, small.
    #[default]
    Balanced,
    /// The rule of the program released with Anthe (arXiv 2305.10991), for two or three cores, both sides in its own order.
    Paper,
}

/// The factors of a size, the most significant first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorShape(Vec<usize>);

impl Deref for FactorShape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FactorShape {
    /// The exact factorisation of `n` into `legs` factors in ascending order whose entropy is the largest: with `p_k = f_k / Σf`, that of
    /// `−Σ p_k ln p_k`, so that factors are as equal as can be. A prime gives ones and itself.
    ///
    /// Cost: about one step for each ordered way to write `n` as such a product, of which sizes of models have some thousands at most.
    ///
    /// # Errors
    /// If `n` is 0, or `legs` is 0 or above [`MAX_LEGS`].
    ///
    /// ```
    /// use anther_chain::FactorShape;
    /// assert_eq!(FactorShape::balanced(32_000, 3).unwrap()[..], [25, 32, 40]);
    /// assert_eq!(FactorShape::balanced(7, 2).unwrap()[..], [1, 7]);
    /// ```
    pub fn balanced(n: usize, legs: usize) -> Result<Self, ChainError> {
        check(n, legs)?;
        let divisors = divisors(n);
        let mut search = Search { divisors: &divisors, parts: Vec::with_capacity(legs), best: None };
        search.split(n, legs, 0);
        let (_, parts) = search.best.expect("1 · … · 1 · n is a factorisation");
        Ok(FactorShape(parts))
    }

    /// The factors that the program released with Anthe takes, for one, two or three legs.
    ///
    /// Two legs: a product of two primes is these two in ascending order, of three the product of the first two and the last; more are
    /// dealt in ascending order to the places 0, 1, 1, 0, 0, 1, 1, 0, … Three legs, with m the largest power of two in n and r = n/m: powers
    /// of two keep a 2 in the middle, odd numbers have their smallest and largest prime outside, others are `(2^⌊l/2⌋, r, rest)` with m = 2^l
    /// (m = 2: all primes of r but the last, 2, the last).
    ///
    /// # Errors
    /// If there are other numbers of legs, or two legs and `n` is 1 or a prime, where that program has no answer.
    pub fn paper(n: usize, legs: usize) -> Result<Self, ChainError> {
        check(n, legs)?;
        let refuse = |why: &str| Err(ChainError::Factors { size: n, legs, why: why.to_owned() });
        let primes = primes(n);
        match legs {
            1 => Ok(FactorShape(vec![n])),
            2 => match primes[..] {
                [] | [_] => refuse(
                    "the paper's rule for two cores needs at least two primes; take balanced factors, or low rank",
                ),
                [p, q] => Ok(FactorShape(vec![p, q])),
                [p, q, r] => Ok(FactorShape(vec![p * q, r])),
                _ => {
                    let slot = |slot: usize| {
                        let dealt = primes.iter().enumerate().filter(|(i, _)| [0, 1, 1, 0][i % 4] == slot);
                        dealt.map(|(_, p)| p).product()
                    };
                    Ok(FactorShape(vec![slot(0), slot(1)]))
                }
            },
            3 => Ok(FactorShape(three(n, &primes))),
            _ => refuse("the paper's rule knows two and three cores; take balanced factors"),
        }
    }

    /// The factors of the input and the output side of a weight, paired as the rule says.
    ///
    /// # Errors
    /// Where the rule has no answer for one of the sizes.
    ///
    /// ```
    /// use anther_chain::{FactorRule, FactorShape};
    /// let (inputs, outputs) = FactorShape::pair(512, 512, 2, FactorRule::Balanced).unwrap();
    /// assert_eq!((&inputs[..], &outputs[..]), (&[16, 32][..], &[32, 16][..]));
    /// ```
    pub fn pair(inputs: usize, outputs: usize, legs: usize, rule: FactorRule) -> Result<(Self, Self), ChainError> {
        match rule {
            FactorRule::Paper => Ok((FactorShape::paper(inputs, legs)?, FactorShape::paper(outputs, legs)?)),
            FactorRule::Balanced => {
                let (inputs, mut outputs) =
                    (FactorShape::balanced(inputs, legs)?, FactorShape::balanced(outputs, legs)?);
                outputs.0.reverse();
                Ok((inputs, outputs))
            }
        }
    }

    /// The factors as a vector.
    pub fn into_vec(self) -> Vec<usize> {
        self.0
    }
}

/// Walks through the factorisations in ascending order of factors and keeps the one of largest entropy.
struct Search<'a> {
    divisors: &'a [usize],
    parts: Vec<usize>,
    best: Option<(f64, Vec<usize>)>,
}

impl Search<'_> {
    /// Splits `n` into `legs` factors, none below the divisor number `from`.
    fn split(&mut self, n: usize, legs: usize, from: usize) {
        if legs == 1 {
            self.parts.push(n);
            let entropy = entropy(&self.parts);
            if self.best.as_ref().is_none_or(|(best, _)| entropy > *best) {
                self.best = Some((entropy, self.parts.clone()));
            }
            self.parts.pop();
            return;
        }
        let divisors = self.divisors;
        for (index, &factor) in divisors.iter().enumerate().skip(from) {
            // The others are at least as large.
            if factor.checked_pow(legs as u32).is_none_or(|least| least > n) {
                break;
            }
            if n.is_multiple_of(factor) {
                self.parts.push(factor);
                self.split(n / factor, legs - 1, index);
                self.parts.pop();
            }
        }
    }
}

fn entropy(parts: &[usize]) -> f64 {
    let sum: f64 = parts.iter().map(|&f| f as f64).sum();
    sum.ln() - parts.iter().map(|&f| f as f64 * (f as f64).ln()).sum::<f64>() / sum
}

fn check(n: usize, legs: usize) -> Result<(), ChainError> {
    let refuse = |why: String| Err(ChainError::Factors { size: n, legs, why });
    if n == 0 {
        return refuse("a size is at least 1".to_owned());
    }
    if legs == 0 || legs > MAX_LEGS {
        return refuse(format!("a chain has 1 to {MAX_LEGS} cores"));
    }
    Ok(())
}

fn divisors(n: usize) -> Vec<usize> {
    let mut found: Vec<usize> = (1..).take_while(|f| f * f <= n).filter(|f| n.is_multiple_of(*f)).collect();
    let large: Vec<usize> = found.iter().rev().map(|f| n / f).filter(|f| f * f > n).collect();
    found.extend(large);
    found
}

/// The primes of `n` with their multiplicity, ascending.
fn primes(mut n: usize) -> Vec<usize> {
    let mut primes = Vec::new();
    let mut factor = 2;
    while factor * factor <= n {
        while n.is_multiple_of(factor) {
            primes.push(factor);
            n /= factor;
        }
        factor += 1;
    }
    if n > 1 {
        primes.push(n);
    }
    primes
}

fn three(n: usize, primes: &[usize]) -> Vec<usize> {
    let twos = n.trailing_zeros();
    let odd = n >> twos;
    match (twos, odd) {
        (0, _) => match primes {
            [] | [_] => vec![1, n, 1],
            [first, middle @ .., last] => vec![*first, middle.iter().product(), *last],
        },
        (_, 1) => {
            let outer = 1 << ((twos - 1) / 2);
            vec![outer, 2, n / 2 / outer]
        }
        (1, _) => match &primes[1..] {
            [_] => vec![2, odd, 1],
            [front @ .., last] => vec![front.iter().product(), 2, *last],
            [] => unreachable!("an odd part above 1 has a prime"),
        },
        _ => {
            let outer = 1 << (twos / 2);
            vec![outer, odd, (n / odd) / outer]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balanced(n: usize, legs: usize) -> Vec<usize> {
        FactorShape::balanced(n, legs).unwrap().into_vec()
    }

    #[test]
    fn balanced_factors_are_the_best_ones() {
        let table: [(usize, &[&[usize]]); 10] = [
            (65, &[&[5, 13], &[1, 5, 13]]),
            (256, &[&[16, 16], &[4, 8, 8], &[4, 4, 4, 4]]),
            (512, &[&[16, 32], &[8, 8, 8], &[4, 4, 4, 8]]),
            (1024, &[&[32, 32], &[8, 8, 16], &[4, 4, 8, 8]]),
            (2048, &[&[32, 64], &[8, 16, 16], &[4, 8, 8, 8]]),
            (10_000, &[&[100, 100], &[20, 20, 25], &[10, 10, 10, 10]]),
            (30_000, &[&[150, 200], &[25, 30, 40], &[10, 10, 15, 20]]),
            (32_000, &[&[160, 200], &[25, 32, 40], &[10, 10, 16, 20]]),
            (32_768, &[&[128, 256], &[32, 32, 32], &[8, 16, 16, 16]]),
            (7919, &[&[1, 7919], &[1, 1, 7919], &[1, 1, 1, 7919]]),
        ];
        for (n, expected) in table {
            for (legs, expected) in (2..).zip(expected) {
                assert_eq!(balanced(n, legs), **expected, "{n}");
            }
        }
        assert_eq!((balanced(1, 3), balanced(12, 1)), (vec![1, 1, 1], vec![12]));
    }

    #[test]
    fn the_papers_rule_gives_the_papers_factors() {
        let paper = |n, legs| FactorShape::paper(n, legs).unwrap().into_vec();
        for (n, expected) in
            [(512, [32, 16]), (2048, [32, 64]), (1365, [39, 35]), (32_000, [80, 400]), (128, [8, 16]), (256, [16, 16])]
        {
            assert_eq!(paper(n, 2), expected, "{n}");
        }
        for (n, expected) in [
            (512, [16, 2, 16]),
            (2048, [32, 2, 32]),
            (32_000, [16, 125, 16]),
            (1365, [3, 35, 13]),
            (7, [1, 7, 1]),
            (1, [1, 1, 1]),
        ] {
            assert_eq!(paper(n, 3), expected, "{n}");
        }
        for n in 1..600 {
            assert_eq!(paper(n, 3).iter().product::<usize>(), n);
        }
        assert!(FactorShape::paper(13, 2).is_err() && FactorShape::paper(16, 4).is_err());
    }

    #[test]
    fn what_cannot_be_split_is_an_error() {
        for (n, legs) in [(0, 2), (8, 0), (8, MAX_LEGS + 1)] {
            let message = FactorShape::balanced(n, legs).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{n} cannot be split into {legs} factors: ")), "{message}");
        }
    }
}
