//! CIFAR and IDX files: what is in them, packed or not, and what is refused.

use std::io::Write;
use std::path::Path;

use anther_data::images::{Cifar, ImageSet};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

/// An IDX file of bytes.
fn idx(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_idx(images: &[u8], labels: &[u8]) -> Result<ImageSet, String> {
    let dir = tempfile::tempdir().unwrap();
    let [a, b] = ["images", "labels"].map(|name| dir.path().join(name));
    std::fs::write(&a, images).unwrap();
    std::fs::write(&b, labels).unwrap();
    let place = format!("{}/", dir.path().display());
    ImageSet::read_idx(&a, &b).map_err(|error| error.to_string().replace(&place, ""))
}

#[test]
fn idx_images_of_any_size_packed_or_not() {
    let pixels: Vec<u8> = (0..2 * 3 * 5).collect();
    let (images, labels) = (idx(&[2, 3, 5], &pixels), idx(&[2], &[4, 1]));
    let plain = read_idx(&images, &labels).unwrap();
    assert_eq!((plain.len(), plain.shape, &plain.labels[..]), (2, [1, 3, 5], &[4, 1][..]));
    assert_eq!(plain.image(1), &pixels[15..]);
    assert_eq!(read_idx(&packed(&images), &packed(&labels)).unwrap(), plain);
}

#[test]
fn damaged_idx_files_are_refused_with_the_byte() {
    let (images, labels) = (idx(&[1, 2, 2], &[1, 2, 3, 4]), idx(&[1], &[4]));
    let refused = |images: &[u8], labels: &[u8], words: &str| {
        let error = read_idx(images, labels).unwrap_err();
        assert!(error.contains(words), "{error} does not say {words}");
    };
    refused(b"", &labels, "images, byte 0: it does not begin like an IDX file");
    refused(&images[..7], &labels, "images, byte 4: the file ends in its header");
    refused(&images[..19], &labels, "images, byte 16: axes of [1, 2, 2] need other than the 3 bytes");
    refused(&[&images[..], &[0]].concat(), &labels, "byte 16");
    refused(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[]), &labels, "byte 16");
    refused(&idx(&[0, 0, 2], &[]), &labels, "images have a side of 0");
    refused(&idx(&[0, 9000, 2], &[]), &labels, "images have a side of 9000");
    refused(&labels, &labels, "images, byte 3: it has 1 axes instead of 3");
    refused(&images, &images, "labels, byte 3: it has 3 axes instead of 1");
    let mut floats = images.clone();
    floats[2] = 13;
    refused(&floats, &labels, "images, byte 2: elements of the type 13");
    refused(&images, &idx(&[2], &[1, 2]), "images has 1 images, but labels has 2 labels");
    let packed = packed(&images);
    refused(&packed[..packed.len() - 9], &labels, "images is packed with gzip and damaged");
    let missing = ImageSet::read_idx(Path::new("no/images"), Path::new("no/labels")).unwrap_err().to_string();
    assert!(missing.starts_with("no/images cannot be read"), "{missing}");
}

#[test]
fn cifar_records_have_the_label_that_is_asked_for() {
    let mut bytes = vec![11, 93];
    bytes.extend((0..3072).map(|i| (i % 251) as u8));
    let fine = ImageSet::of_cifar(&bytes, Cifar::HundredFine, "x").unwrap();
    let coarse = ImageSet::of_cifar(&bytes, Cifar::HundredCoarse, "x").unwrap();
    assert_eq!((fine.labels[0], coarse.labels[0], fine.image(0)[1]), (93, 11, 1));
    let cut = ImageSet::of_cifar(&bytes[1..], Cifar::HundredFine, "x.bin").unwrap_err().to_string();
    assert!(cut.starts_with("x.bin, byte 3073: the file ends here"), "{cut}");
    assert!(ImageSet::of_cifar(&[], Cifar::Ten, "x").is_err());
    let label = ImageSet::of_cifar(&bytes[1..], Cifar::Ten, "x").unwrap_err().to_string();
    assert!(label.contains("byte 0: record 0 has the label 93, but there are 10 classes"), "{label}");
}

#[test]
fn statistics_are_those_of_each_channel() {
    let set = ImageSet { shape: [2, 1, 2], pixels: vec![0, 255, 51, 51, 255, 0, 51, 51], labels: vec![0, 0] };
    let [[mean, std], [second, none]] = set.channel_statistics(0..2)[..] else { panic!("two channels") };
    assert!((mean - 0.5).abs() < 1e-12 && (std - 0.5).abs() < 1e-12, "{mean} {std}");
    assert!((second - 0.2).abs() < 1e-12 && none == 0.0, "{second} {none}");
    // What is held out does not count.
    let more = ImageSet { shape: [2, 1, 2], pixels: [&[9; 4], &set.pixels[..]].concat(), labels: vec![0, 0, 0] };
    assert_eq!(more.channel_statistics(1..3), set.channel_statistics(0..2));
    assert_ne!(more.channel_statistics(0..3), set.channel_statistics(0..2));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), kind in 0..3) {
        let kind = [Cifar::Ten, Cifar::HundredFine, Cifar::HundredCoarse][kind as usize];
        let _ = ImageSet::of_cifar(&bytes, kind, "x");
        let mut like = vec![0, 0, 8, 3];
        like.extend(&bytes);
        let _ = read_idx(&like, &idx(&[1], &[0]));
    }
}

/// The real files, if they are there: sizes, labels, and the known mean of MNIST.
#[test]
fn real_files_have_the_sizes_that_are_known_of_them() {
    let Some(data) = std::env::var_os("ANTHER_DATA") else {
        println!("skipped: ANTHER_DATA is not set");
        return;
    };
    let data = Path::new(&data);
    if !data.join("mnist").exists() {
        println!("skipped: there is no mnist in {}", data.display());
        return;
    }
    let at = |name: &str| data.join("mnist").join(name);
    let train = ImageSet::read_idx(&at("train-images-idx3-ubyte.gz"), &at("train-labels-idx1-ubyte.gz")).unwrap();
    assert_eq!((train.len(), train.shape), (60_000, [1, 28, 28]));
    let [[mean, std]] = train.channel_statistics(0..train.len())[..] else { panic!("one channel") };
    assert!((mean - 0.1307).abs() < 1e-4 && (std - 0.3081).abs() < 1e-4, "{mean} {std}");
    assert!((0..10).all(|label| train.labels.contains(&label)));
    let ten = data.join("cifar10/cifar-10-batches-bin/data_batch_1.bin.gz");
    let ten = ImageSet::read_cifar(&ten, Cifar::Ten).unwrap();
    assert_eq!((ten.len(), ten.shape), (10_000, [3, 32, 32]));
    let hundred = data.join("cifar100/cifar-100-binary/train.bin.gz");
    assert_eq!(ImageSet::read_cifar(&hundred, Cifar::HundredFine).unwrap().len(), 8_000);
}
