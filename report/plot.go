package report

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// PlotFormats are the formats that WritePlot writes.
var PlotFormats = []string{"svg", "png"}

const (
	plotWidth  = 24 * vg.Centimeter
	plotHeight = 10 * vg.Centimeter
)

// ErrNoPoints: there is nothing to plot.
var ErrNoPoints = errors.New("the capture holds no memory records to plot")

// WritePlot draws the series as a picture in one of PlotFormats. The error is ErrNoPoints, or that of w.
func (s *Series) WritePlot(w io.Writer, format string) error {
	if len(s.Points) == 0 {
		return ErrNoPoints
	}
	p, err := s.plot()
	if err != nil {
		return err
	}
	var c interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case "svg":
		c = vgsvg.New(plotWidth, plotHeight)
	case "png":
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(plotWidth, plotHeight), vgimg.UseDPI(144))}
	default:
		return fmt.Errorf("picture format %q: want svg or png", format)
	}
	p.Draw(draw.New(c))
	_, err = c.WriteTo(w)
	return err
}

func (s *Series) plot() (*plot.Plot, error) {
	p := plot.New()
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	start := s.Points[0].Time
	p.Title.Text = "Memory since " + time.UnixMilli(start).UTC().Format("2006-01-02 15:04:05 UTC")
	p.Title.Padding = vg.Points(6)
	p.X.Tick.Marker = plot.TickerFunc(timeTicks)
	p.Y.Tick.Marker = plot.TickerFunc(byteTicks)
	p.Legend.Top, p.Legend.Left = true, true
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	for _, trace := range []struct {
		name  string
		color color.RGBA
		value func(SeriesPoint) uint64
	}{
		{"Resident size", color.RGBA{0x1f, 0x77, 0xb4, 0xff}, func(at SeriesPoint) uint64 { return at.RSS }},
		{"Heap size", color.RGBA{0xff, 0x7f, 0x0e, 0xff}, func(at SeriesPoint) uint64 { return at.Heap }},
	} {
		line, err := plotter.NewLine(s.trace(start, trace.value))
		if err != nil {
			return nil, fmt.Errorf("plot %s: %w", trace.name, err)
		}
		line.Color, line.Width = trace.color, vg.Points(1.2)
		p.Add(line)
		p.Legend.Add(trace.name, line)
	}
	p.Y.Min, p.Y.Max = 0, p.Y.Max*1.2 // room for the legend
	return p, nil
}

// plotted is how many points of a line a picture can show.
const plotted = 4000

// trace gives one line, in seconds and bytes. Where points would lie on each other the
// largest is taken.
func (s *Series) trace(start int64, value func(SeriesPoint) uint64) plotter.XYs {
	step := (len(s.Points) + plotted - 1) / plotted
	var out plotter.XYs
	for i := 0; i < len(s.Points); i += step {
		most := uint64(0)
		for _, at := range s.Points[i:min(i+step, len(s.Points))] {
			most = max(most, value(at))
		}
		out = append(out, plotter.XY{X: (float64(s.Points[i].Time) - float64(start)) / 1000, Y: float64(most)})
	}
	if len(out) == 1 {
		out = append(out, plotter.XY{X: out[0].X + 0.001, Y: out[0].Y})
	}
	return out
}

// timeSteps are what may lie between two ticks, in seconds.
var timeSteps = []float64{
	0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
	60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 6 * 3600, 12 * 3600,
}

// timeTicks marks about eight round times.
func timeTicks(lo, hi float64) []plot.Tick {
	step := 0.0
	for _, step = range timeSteps {
		if hi-lo <= 10*step {
			break
		}
	}
	const day = 24 * 3600
	if hi-lo > 10*step {
		step = day * math.Ceil((hi-lo)/(10*day))
		return ticks(lo, hi, step, func(seconds float64) string { return fmt.Sprintf("%gd", seconds/day) })
	}
	return ticks(lo, hi, step, func(seconds float64) string {
		return time.Duration(math.Round(seconds * 1e9)).String()
	})
}

// byteTicks marks about five round sizes.
func byteTicks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(max(hi-lo, 10))))
	for (hi-lo)/step < 4 && step > 1 {
		step /= 2
	}
	return ticks(lo, hi, step, plotBytes)
}

func ticks(lo, hi, step float64, label func(float64) string) []plot.Tick {
	var out []plot.Tick
	for k := math.Ceil(lo / step); k*step <= hi; k++ {
		out = append(out, plot.Tick{Value: k * step, Label: label(k * step)})
	}
	return out
}

// plotBytes is a size in as few digits as ticks need.
func plotBytes(bytes float64) string {
	const units = "kMGTPE"
	if bytes < 1000 {
		return fmt.Sprintf("%gB", bytes)
	}
	i := -1
	for bytes >= 1000 && i < len(units)-1 {
		bytes /= 1000
		i++
	}
	return fmt.Sprintf("%.4g%cB", bytes, units[i])
}
