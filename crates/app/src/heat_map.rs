//! Attention maps as a picture.

use anther_transformer::AttentionMap;
use image::{GrayImage, ImageError, ImageFormat};

/// Pixels of the lines around and between maps, and their grey: that of a weight of 0.14.
const BORDER: usize = 2;
const BORDER_GREY: u8 = 160;

/// A map of few tokens is enlarged to at least so many pixels.
const VISIBLE: usize = 192;

/// Pixels that a picture may have, a byte each, four in the weights that it shows.
const MOST_PIXELS: usize = 1 << 28;

/// Where the maps of a model lie in a picture: a row for each layer, a column for each head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    layers: usize,
    heads: usize,
    tokens: usize,
    /// Pixels of a weight, in both directions.
    scale: usize,
}

impl Grid {
    /// A place for the maps of so many layers, heads and tokens; `None` if they would make no picture, or one too large to handle.
    pub fn new(layers: usize, heads: usize, tokens: usize) -> Option<Self> {
        let weights = layers.checked_mul(heads)?.checked_mul(tokens)?.checked_mul(tokens)?;
        if weights == 0 || weights > MOST_PIXELS {
            return None;
        }
        let grid = Grid { layers, heads, tokens, scale: VISIBLE.div_ceil(tokens) };
        (grid.width() * grid.height() <= MOST_PIXELS).then_some(grid)
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        span(self.heads, self.tokens * self.scale)
    }

    /// Pixels of a column.
    pub fn height(&self) -> usize {
        span(self.layers, self.tokens * self.scale)
    }

    /// The first sequence of each map as the bytes of a PNG. Rows of a map are queries, from the first at the top; columns are keys.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn png(&self, maps: &[AttentionMap<f32>]) -> Result<Vec<u8>, ImageError> {
        let mut picture = GrayImage::from_pixel(self.width() as u32, self.height() as u32, image::Luma([BORDER_GREY]));
        let size = self.tokens * self.scale;
        for (layer, map) in maps.iter().enumerate() {
            for head in 0..self.heads {
                let weights = map.of(0, head);
                let (left, top) = (span(head, size), span(layer, size));
                for (y, x) in (0..size).flat_map(|y| (0..size).map(move |x| (y, x))) {
                    let weight = weights[y / self.scale * self.tokens + x / self.scale];
                    picture.put_pixel((left + x) as u32, (top + y) as u32, image::Luma([shade(weight)]));
                }
            }
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png)?;
        Ok(bytes.into_inner())
    }
}

/// Pixels of so many maps in a row with a border around each.
fn span(count: usize, size: usize) -> usize {
    count * size + (count + 1) * BORDER
}

/// White is no weight, black all of it. The root makes equal weights on a hundred keys visible.
fn shade(weight: f32) -> u8 {
    (255.0 * (1.0 - weight.abs().min(1.0).sqrt())).round() as u8
}

#[cfg(test)]
mod tests {
    use anther_tensor::Tensor;

    use super::*;

    #[test]
    fn weights_lie_where_their_layer_head_query_and_key_say() {
        // Two layers of two heads over two tokens, all empty but the second head of the second layer.
        let none = AttentionMap::new(Tensor::zeros([1, 2, 2, 2]), None);
        let some = Tensor::from_vec([1, 2, 2, 2], vec![0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.25, 0.0]);
        let grid = Grid::new(2, 2, 2).unwrap();
        assert_eq!((grid.width(), grid.height()), (2 * 192 + 6, 2 * 192 + 6));
        let png = grid.png(&[none, AttentionMap::new(some, None)]).unwrap();
        let picture = image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap().into_luma8();
        let at = |x: u32, y: u32| picture.get_pixel(x, y).0[0];
        for y in 0..picture.height() {
            for x in 0..picture.width() {
                let inside = |x: u32| x % 194 >= 2;
                let expected = match (x / 194, y / 194) {
                    _ if !inside(x) || !inside(y) => BORDER_GREY,
                    (1, 1) if x < 196 + 96 => {
                        if y < 196 + 96 {
                            0
                        } else {
                            128
                        }
                    }
                    _ => 255,
                };
                assert_eq!(at(x, y), expected, "{x}, {y}");
            }
        }
    }

    #[test]
    fn a_token_is_a_whole_number_of_pixels() {
        let scale = |tokens| Grid::new(1, 1, tokens).unwrap().scale;
        assert_eq!([1, 16, 100, 192, 193, 5000].map(scale), [192, 12, 2, 1, 1, 1]);
    }

    #[test]
    fn there_are_pictures_that_nobody_could_handle() {
        assert_eq!(Grid::new(12, 16, 16_384), None);
        assert_eq!(Grid::new(usize::MAX / 8, 1, 8), None);
        assert_eq!(Grid::new(1 << 14, 1 << 14, 1), None);
        assert_eq!(Grid::new(1, 1, 0), None);
    }
}
