//! Plots of a sweep, as a picture and as a page, light or dark as their viewer likes it. Equal sweeps give equal bytes.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use super::part::{Question, SweepError};
use super::table::{self, Row};
use crate::escaped::xml;

/// The size of one plot: it is to be read on a telephone, too.
const SIZE: (u32, u32) = (400, 300);
/// How high the title of a picture is.
const TITLE: u32 = 32;
/// What the colours below become where it is dark.
const STYLE: &str = include_str!("plot.css");
const PAGE_STYLE: &str = include_str!("page.css");
const FONT: &str = "sans-serif";
const BLUE: RGBColor = RGBColor(31, 96, 176);
const ORANGE: RGBColor = RGBColor(200, 88, 16);
const GREY: RGBColor = RGBColor(130, 130, 130);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One curve.
struct Curve {
    name: &'static str,
    color: RGBColor,
    /// Whether the points are marked, and whether they are joined.
    look: (bool, bool),
    /// Losses and values, both as they are shown.
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// What has this value at each loss; a loss without one has no point.
    fn new<'a>(
        name: &'static str,
        color: RGBColor,
        rows: &[Row<'a>],
        value: impl Fn(&Row<'a>) -> Option<f64>,
    ) -> Self {
        let points = rows.iter().filter_map(|row| Some((row.loss * 100.0, value(row)?))).collect();
        Self { name, color, look: (true, true), points }
    }

    fn looking(self, is_marked: bool, is_joined: bool) -> Self {
        Self { look: (is_marked, is_joined), ..self }
    }
}

/// One set of axes.
struct Plot {
    caption: &'static str,
    /// Where there is room for the names of the curves, if there are several.
    legend: SeriesLabelPosition,
    curves: Vec<Curve>,
}

/// A picture of success, time, sends and give-ups over the loss.
pub(super) fn svg(sweep: &Question, rows: &[Row<'_>]) -> Result<String, SweepError> {
    let size = (2 * SIZE.0, 2 * SIZE.1 + TITLE);
    let picture = drawn(size, |root| {
        let root = root.titled(&table::title(sweep), (FONT, 20))?;
        let mut areas = root.split_evenly((2, 2)).into_iter();
        plots(sweep, rows).iter().zip(&mut areas).try_for_each(|(plot, area)| chart(&area, plot, rows))
    })?;
    Ok(picture.replacen('>', &format!(">\n<style>\n{STYLE}</style>"), 1))
}

/// A picture of this size.
fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, SweepError> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let done = root.fill(&WHITE).and_then(|()| draw(&root)).and_then(|()| root.present());
    done.map_err(|error| SweepError::Draw(error.to_string()))?;
    drop(root);
    Ok(text)
}

/// The four of a sweep.
fn plots(sweep: &Question, rows: &[Row<'_>]) -> [Plot; 4] {
    let seconds = |ms: Option<u64>| ms.map(|ms| ms as f64 / 1_000.0);
    // Points beside the line of the closed form, or a line of their own.
    let is_joined = sweep.expected.is_none();
    [
        Plot {
            caption: "success, percent of runs",
            legend: SeriesLabelPosition::LowerLeft,
            curves: vec![
                Curve::new("closed form", ORANGE, rows, |row| row.expected.map(|share| share * 100.0))
                    .looking(false, true),
                Curve::new("measured", BLUE, rows, |row| Some(row.success * 100.0)).looking(true, is_joined),
            ],
        },
        Plot {
            caption: "time to success, seconds",
            legend: SeriesLabelPosition::UpperLeft,
            curves: vec![
                Curve::new("p99", ORANGE, rows, |row| seconds(row.p99_ms)),
                Curve::new("p50", BLUE, rows, |row| seconds(row.p50_ms)),
            ],
        },
        Plot {
            caption: "sends per success",
            legend: SeriesLabelPosition::UpperLeft,
            curves: vec![Curve::new("sends", BLUE, rows, |row| row.sends_per_answer)],
        },
        Plot {
            caption: "give-ups, percent of runs",
            legend: SeriesLabelPosition::UpperLeft,
            curves: vec![Curve::new("give-ups", BLUE, rows, |row| row.give_ups().map(|share| share * 100.0))],
        },
    ]
}

/// One set of axes with its curves.
fn chart(area: &Area<'_>, plot: &Plot, rows: &[Row<'_>]) -> Drawn {
    let Plot { caption, legend, curves } = plot;
    let from = rows.first().map_or(0.0, |row| row.loss * 100.0);
    let to = rows.last().map_or(0.0, |row| row.loss * 100.0).max(from + 1.0);
    let values = curves.iter().flat_map(|curve| curve.points.iter().map(|(_, value)| *value));
    let top = values.fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.05 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        // Half of the last label stands beyond the axis.
        .margin_right(24)
        .caption(caption, (FONT, 18))
        .x_label_area_size(40)
        .y_label_area_size(46)
        .build_cartesian_2d(from..to, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("loss, percent")
        .max_light_lines(1)
        .light_line_style(WHITE)
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 16))
        .draw()?;
    let shown = || curves.iter().filter(|curve| !curve.points.is_empty());
    for curve in shown() {
        let (color, (is_marked, is_joined)) = (curve.color, curve.look);
        let points = curve.points.iter().copied();
        if is_joined {
            let line = LineSeries::new(points.clone(), color.stroke_width(2));
            let sample = move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2));
            chart.draw_series(line)?.label(curve.name).legend(sample);
        }
        if is_marked {
            let marks = chart.draw_series(points.map(|point| Circle::new(point, 3, color.filled())))?;
            if !is_joined {
                let sample = move |(x, y)| Circle::new((x + 8, y), 3, color.filled());
                marks.label(curve.name).legend(sample);
            }
        }
    }
    if shown().count() > 1 {
        chart
            .configure_series_labels()
            .position(legend.clone())
            .background_style(WHITE)
            .border_style(GREY)
            .label_font((FONT, 15))
            .draw()?;
    }
    Ok(())
}

/// A page with the plots and the table. It needs nothing from elsewhere.
pub(super) fn html(sweep: &Question, rows: &[Row<'_>]) -> Result<String, SweepError> {
    let plots = plots(sweep, rows);
    let pictures = plots.iter().map(|plot| drawn(SIZE, |root| chart(root, plot, rows)));
    let pictures: String = pictures.collect::<Result<_, _>>()?;
    let (title, table) = (xml(&table::title(sweep)), xml(&table::text(sweep, rows)));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>\n{STYLE}{PAGE_STYLE}</style>\n<h1>{title}</h1>\n<main>\n{pictures}</main>\n\
         <pre tabindex=\"0\">{table}</pre>\n</html>\n"
    ))
}
