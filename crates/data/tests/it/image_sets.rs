//! Data sets of images: by layout, as batches, and what is refused.

use std::fs;
use std::io::Write;
use std::path::Path;

use anther_data::images::{Augment, ImageDataSet, ImageSet, ImageViews, Standard};
use anther_data::{DataDir, LabelledBatch};
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{ImageBuffer, Rgb};

use crate::support::real_data;

fn idx(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    bytes.extend(axes.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn load(folder: &Path, size: Option<usize>) -> Result<ImageDataSet, String> {
    let data = DataDir::resolve(None, None);
    ImageDataSet::load(folder.to_str().unwrap(), size, &data).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(folder: &Path, words: &str) {
    let error = load(folder, None).unwrap_err();
    assert!(error.contains(words) && !error.contains('\n'), "{error}");
}

#[test]
fn idx_files_may_have_dots_and_be_packed() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(root.path().join(name), bytes).unwrap();
    refused(root.path(), "no data set of images is in this folder");
    write("train-images-idx3-ubyte.gz", &gzip(&idx(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7])));
    refused(root.path(), "there is no file train-labels-idx1-ubyte");
    write("train-labels-idx1-ubyte", &idx(&[2], &[1, 0]));
    refused(root.path(), "there is no file t10k-images-idx3-ubyte");
    write("t10k-images.idx3-ubyte", &idx(&[1, 2, 2], &[9, 9, 9, 9]));
    write("t10k-labels.idx1-ubyte", &idx(&[1], &[2]));
    refused(root.path(), "a test image has the label 2, but training labels go up to 1");
    write("t10k-labels.idx1-ubyte", &idx(&[1], &[1]));
    let set = load(root.path(), None).unwrap();
    assert_eq!((set.classes, set.train.len(), set.test.image(0)), (2, 2, &[9, 9, 9, 9][..]));
    write("t10k-images.idx3-ubyte", &idx(&[1, 2, 1], &[9, 9]));
    refused(root.path(), "test images of [1, 2, 1]");
    let cut = gzip(&idx(&[2, 2, 2], &[0; 8]));
    write("train-images-idx3-ubyte.gz", &cut[..cut.len() - 6]);
    refused(root.path(), "damaged");
}

#[test]
fn cifar_files_are_joined_in_order_of_their_numbers() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    let record = |label: u8| [vec![label], vec![label; 3072]].concat();
    fs::write(folder.join("data_batch_10.bin"), record(3)).unwrap();
    fs::write(folder.join("data_batch_2.bin.gz"), gzip(&[record(1), record(2)].concat())).unwrap();
    fs::write(folder.join("batches.meta.txt"), "").unwrap();
    refused(root.path(), "there is no file test_batch.bin");
    fs::write(folder.join("test_batch.bin"), record(9)).unwrap();
    let set = load(root.path(), None).unwrap();
    assert_eq!((&set.train.labels[..], set.train.shape, set.classes), (&[1, 2, 3][..], [3, 32, 32], 10));
    assert_eq!(load(&folder, None).unwrap(), set);
    fs::write(folder.join("test_batch.bin"), record(10)).unwrap();
    refused(root.path(), "has the label 10, but there are 10 classes");

    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("train.bin"), [vec![0, 77], vec![5; 3072]].concat()).unwrap();
    refused(root.path(), "there is no file test.bin");
    fs::write(root.path().join("test.bin.gz"), gzip(&[vec![0, 8], vec![5; 3072]].concat())).unwrap();
    let set = load(root.path(), None).unwrap();
    assert_eq!((set.train.labels[0], set.test.labels[0], set.classes), (77, 8, 100));
}

#[test]
fn a_folder_for_each_class() {
    let root = tempfile::tempdir().unwrap();
    let save = |name: &str, width: u32, height: u32, colour: [u8; 3]| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        ImageBuffer::from_pixel(width, height, Rgb(colour)).save(path).unwrap();
    };
    save("train/dog/1.png", 3, 2, [255, 0, 0]);
    save("train/cat/b.PNG", 3, 2, [0, 255, 0]);
    save("train/cat/a.jpg", 3, 2, [0, 0, 0]);
    save("val/dog/x.jpeg", 3, 2, [255, 255, 255]);
    fs::write(root.path().join("train/cat/notes.txt"), "x").unwrap();
    fs::create_dir(root.path().join("train/.hidden")).unwrap();
    let set = load(root.path(), None).unwrap();
    assert_eq!(
        (set.classes, &set.train.labels[..], &set.test.labels[..], set.train.shape),
        (2, &[0, 0, 1][..], &[1][..], [3, 2, 3])
    );
    assert_eq!(set.train.image(2), [vec![255; 6], vec![0; 12]].concat());
    assert!(set.test.image(0).iter().all(|&pixel| pixel > 250));

    save("train/dog/2.png", 4, 2, [9, 9, 9]);
    refused(root.path(), "2.png: an image of 4 × 2 among images of 3 × 2; set data.size");
    let scaled = load(root.path(), Some(5)).unwrap();
    assert_eq!((scaled.train.shape, scaled.test.shape, scaled.train.len()), ([3, 5, 5], [3, 5, 5], 4));
    fs::write(root.path().join("train/dog/2.png"), b"\x89PNG no more").unwrap();
    refused(root.path(), "2.png: it is no whole image");
    fs::remove_file(root.path().join("train/dog/2.png")).unwrap();
    save("val/bird/x.png", 3, 2, [0, 0, 0]);
    refused(root.path(), "bird: no training images have this class");
    fs::remove_dir_all(root.path().join("val/bird")).unwrap();
    fs::create_dir(root.path().join("train/empty")).unwrap();
    refused(root.path(), "empty: there are no PNG or JPEG files");
}

#[test]
fn views_have_mean_0_and_deviation_1_over_the_training_part() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(root.path().join(name), bytes).unwrap();
    let pixels: Vec<u8> = (0..5 * 16u32).map(|i| (i * 89 % 256) as u8).collect();
    write("train-images-idx3-ubyte", &idx(&[5, 4, 4], &pixels));
    write("train-labels-idx1-ubyte", &idx(&[5], &[0, 1, 2, 3, 4]));
    write("t10k-images-idx3-ubyte", &idx(&[1, 4, 4], &[7; 16]));
    write("t10k-labels-idx1-ubyte", &idx(&[1], &[0]));
    let set = load(root.path(), None).unwrap();
    let standard = Standard::of(&set.train, &[0, 1, 2, 3, 4]);
    let augment = Augment { flip: true, mixup: 1.0, ..Augment::default() };
    let views = ImageViews::new(standard.clone(), [4, 4], augment);
    let mut batch = LabelledBatch::default();
    views.plain(&set.train, &[0, 1, 2, 3, 4], &mut batch);
    let mean = batch.numbers.iter().sum::<f32>() / 80.0;
    let squares = batch.numbers.iter().map(|x| x * x).sum::<f32>() / 80.0;
    assert!(mean.abs() < 1e-5 && (squares - 1.0).abs() < 1e-4, "{mean} {squares}");
    assert_eq!((&batch.labels[..], batch.second_labels.len(), batch.lengths.len()), (&[0, 1, 2, 3, 4][..], 0, 0));
    let at = |seed, step| {
        let mut batch = LabelledBatch::default();
        views.augmented(&set.train, &[0, 1, 2], seed, step, &mut batch);
        batch
    };
    assert_eq!(at(1, 5), at(1, 5));
    assert_eq!(at(1, 5).second_labels, [2, 1, 0]);
    assert_ne!(at(1, 5), at(1, 6));
    assert_ne!(at(1, 5), at(2, 5));
    let larger = ImageViews::new(standard, [6, 6], Augment::default());
    larger.plain(&set.test, &[0], &mut batch);
    assert_eq!((larger.shape(), batch.numbers.len()), ([1, 6, 6], 36));
    assert!(batch.numbers.iter().all(|&x| x == batch.numbers[0]));
}

#[test]
fn images_may_be_standardised_by_any_numbers() {
    let set = ImageSet { shape: [2, 1, 2], pixels: vec![0, 255, 51, 102], labels: vec![0] };
    let views = |standard| ImageViews::new(standard, [1, 2], Augment::default());
    let mut batch = LabelledBatch::default();
    views(Standard { mean: vec![0.5, 0.25], std: vec![0.5, 2.0] }).plain(&set, &[0], &mut batch);
    let expected: [f32; 4] = [-1.0, 1.0, -0.025, 0.075];
    assert!(batch.numbers.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{:?}", batch.numbers);
    views(Standard { mean: vec![0.0; 2], std: vec![1.0; 2] }).plain(&set, &[0], &mut batch);
    assert_eq!(batch.numbers, [0.0, 1.0, 51.0 / 255.0, 102.0 / 255.0]);
    // One value only: just shifted.
    let even = ImageSet { shape: [1, 1, 2], pixels: vec![51; 2], labels: vec![0] };
    assert_eq!(Standard::of(&even, &[0]), Standard { mean: vec![0.2], std: vec![1.0] });
}

#[test]
fn boxes_of_other_images_come_with_their_classes() {
    // Images of one value each, of odd sizes, with one channel: hue has nothing to do.
    let set = ImageSet {
        shape: [1, 7, 5],
        pixels: (0..5u8).flat_map(|image| [image * 50; 35]).collect(),
        labels: vec![0, 1, 2, 3, 4],
    };
    let augment = Augment { cutmix: 1.0, hue: 0.5, ..Augment::default() };
    let views = ImageViews::new(Standard::of(&set, &[0, 1, 2, 3, 4]), [7, 5], augment);
    let mut plain = LabelledBatch::default();
    views.plain(&set, &[0, 1, 2, 3, 4], &mut plain);
    let at = |seed, step| {
        let mut batch = LabelledBatch::default();
        views.augmented(&set, &[0, 1, 2, 3, 4], seed, step, &mut batch);
        batch
    };
    let mut shares = Vec::new();
    for step in 0..30 {
        let batch = at(1, step);
        assert_eq!(batch, at(1, step));
        assert_eq!((&batch.labels[..], &batch.second_labels[..]), (&[0, 1, 2, 3, 4][..], &[4, 3, 2, 1, 0][..]));
        for image in 0..5 {
            let of = |label: u32| plain.numbers[label as usize * 35];
            let pixels = &batch.numbers[image * 35..][..35];
            let own = pixels.iter().filter(|&&pixel| pixel == of(batch.labels[image])).count();
            let others = pixels.iter().filter(|&&pixel| pixel == of(batch.second_labels[image])).count();
            if image == 2 {
                assert_eq!(own, 35);
            } else {
                assert_eq!((own + others, own as f32 / 35.0), (35, batch.first_share));
            }
        }
        shares.push(batch.first_share);
    }
    assert_ne!(at(1, 0), at(2, 0));
    shares.sort_by(f32::total_cmp);
    shares.dedup();
    assert!(shares.len() > 5, "{shares:?}");
}

#[test]
fn real_sets_are_read() {
    let Some(root) = real_data() else { return };
    let data = DataDir::resolve(Some(&root), None);
    for (name, train, test, shape, classes) in [
        ("mnist", 60_000, 10_000, [1, 28, 28], 10),
        ("cifar10", 10_000, 2000, [3, 32, 32], 10),
        ("cifar100", 8000, 1000, [3, 32, 32], 100),
    ] {
        let set = ImageDataSet::load(name, None, &data).unwrap();
        assert_eq!(
            (set.train.len(), set.test.len(), set.train.shape, set.classes),
            (train, test, shape, classes),
            "{name}"
        );
    }
}
