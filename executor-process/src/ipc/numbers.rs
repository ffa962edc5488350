//! Lists of numbers as they lie in memory: the result of a job that is such a list goes so, and is not encoded.

use std::any::Any;

use serde::{Deserialize, Serialize};

use crate::ipc::plain::{bytes_of, bytes_of_numbers, cast_vec};

/// How many bytes a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    fn of(size: usize) -> Option<Self> {
        Some(match size {
            1 => Self::One,
            2 => Self::Two,
            4 => Self::Four,
            8 => Self::Eight,
            _ => return None,
        })
    }
}

/// The bytes of a `Vec` of numbers, and the width of each. `None` for other values, and where numbers are not little-endian.
pub(crate) fn in_memory(value: &dyn Any) -> Option<(&[u8], Width)> {
    let (bytes, size) = bytes_of_numbers(value)?;
    Some((bytes, Width::of(size)?))
}

/// Numbers that came, of a type that is not known yet.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
}

impl Numbers {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::One(numbers) => numbers,
            Self::Two(numbers) => bytes_of(numbers),
            Self::Four(numbers) => bytes_of(numbers),
            Self::Eight(numbers) => bytes_of(numbers),
        }
    }

    /// The list of type `T`, without a copy. `None` if that is another type, or has numbers of another width.
    pub(crate) fn into_list<T: 'static>(self) -> Option<T> {
        // Known when it is compiled: most types need not be asked for.
        if size_of::<T>() != size_of::<Vec<u8>>() {
            return None;
        }
        let mut list: Option<T> = None;
        let place: &mut dyn Any = &mut list;
        macro_rules! put {
            ($($width:ident: $($number:ty)*;)*) => {
                match self {
                    $(Self::$width(numbers) => {
                        let mut numbers = Some(numbers);
                        $(if let Some(place) = place.downcast_mut::<Option<Vec<$number>>>() {
                            *place = numbers.take().map(cast_vec);
                        })*
                    })*
                }
            };
        }
        put! { One: u8 i8; Two: u16 i16; Four: u32 i32 f32; Eight: u64 i64 f64; }
        list
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_numbers_are_in_memory() {
        let expected = cfg!(target_endian = "little").then_some((&[1, 0, 2, 0][..], Width::Two));
        assert_eq!(in_memory(&vec![1_u16, 2]), expected);
        assert_eq!(in_memory(&vec![0.0_f64; 2]).map(|(_, width)| width), expected.map(|_| Width::Eight));
        assert!(in_memory(&"text".to_owned()).is_none() && in_memory(&(vec![1_u8],)).is_none());
    }

    #[test]
    fn list_is_of_the_type_that_is_asked_for() {
        let doubles = vec![1.5_f64, f64::NAN];
        let numbers = Numbers::Eight(doubles.iter().map(|number| number.to_bits()).collect());
        assert_eq!(numbers.bytes(), bytes_of(&doubles));
        let list: Vec<f64> = numbers.clone().into_list().unwrap();
        assert_eq!(
            list.iter().map(|number| number.to_bits()).collect::<Vec<_>>(),
            numbers.clone().into_list::<Vec<u64>>().unwrap()
        );
        assert_eq!(numbers.clone().into_list::<Vec<i64>>().unwrap()[0], 1.5_f64.to_bits().cast_signed());
        assert!(numbers.clone().into_list::<Vec<f32>>().is_none());
        assert!(numbers.clone().into_list::<String>().is_none() && numbers.into_list::<u64>().is_none());
        assert_eq!(Numbers::One(vec![255]).into_list::<Vec<i8>>(), Some(vec![-1]));
        assert_eq!(Numbers::Two(vec![7]).into_list::<Vec<i16>>(), Some(vec![7]));
        assert_eq!(Numbers::Four(vec![7]).into_list::<Vec<u32>>(), Some(vec![7]));
    }
}
