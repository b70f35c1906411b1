package airflow

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/memvault/memvault/internal/inuse"
)

// The kinds of findings.
const (
	InTheWay       = "in-the-way"
	UseUnknown     = "use-unknown"
	HeldByOrphans  = "held-by-orphans"
	WrongProcess   = "wrong-process"
	NoMemray       = "no-memray"
	NotTraceable   = "not-traceable"
	UnknownName    = "unknown-component"
	UnfinishedCopy = "unfinished-copy"
	DiskFills      = "disk-fills"
)

// The releases of Airflow that matter.
const (
	firstTracing   = "3.2.0" // has the setting
	firstTriggerer = "3.2.2" // traces the triggerer as well
	daemonRepaired = "3.3.2" // traces the DAG processor that runs in the background
)

// findings makes what was found into what is to be done.
func (x *examiner) findings(unknown []string) {
	for _, name := range unknown {
		x.find(Finding{Kind: UnknownName, Text: fmt.Sprintf("Airflow knows no component %q (in %s), and passes over it", name, x.d.Source),
			Advice: "the components are " + strings.Join(Components, ", ")})
	}
	x.versions()
	for _, c := range x.d.Components {
		if c.Capture != nil {
			x.captureFindings(c)
		}
	}
	for _, l := range x.d.Leftovers {
		f := Finding{Kind: UnfinishedCopy, File: l.File, Text: "a compression that Memray was killed in; the capture beside it is whole",
			Advice: "remove the file"}
		if !l.Beside {
			f.Text = "a compression that Memray was killed in; its capture has been rotated, archived or deleted since"
			f.Advice = "look whether the capture is where it should be, then remove the file"
		}
		x.find(f)
	}
	if d := x.d.Disk; d != nil && d.Hour > d.Available {
		x.find(Finding{Kind: DiskFills, File: x.d.Home,
			Text:   fmt.Sprintf("at the present rate an hour of tracing takes %s, and there are %s", humanize.IBytes(uint64(d.Hour)), humanize.IBytes(uint64(d.Available))),
			Advice: "stop tracing earlier, free space (memvault gc), or trace fewer components"})
	}
}

func (x *examiner) find(f Finding) { x.d.Findings = append(x.d.Findings, f) }

// versions judges the packages beside the airflow command.
func (x *examiner) versions() {
	enabled := 0
	for _, c := range x.d.Components {
		if !c.Enabled {
			continue
		}
		enabled++
		if c.Name == "triggerer" && x.d.Airflow != "" && before(x.d.Airflow, firstTriggerer) {
			x.find(Finding{Kind: NotTraceable, Component: c.Name, Text: "Airflow " + x.d.Airflow + " does not trace the triggerer",
				Advice: "it takes Airflow " + firstTriggerer + " or later"})
		}
	}
	switch {
	case enabled == 0 || x.d.Airflow == "":
	case before(x.d.Airflow, firstTracing):
		x.find(Finding{Kind: NotTraceable, Text: "Airflow " + x.d.Airflow + " does not know the setting",
			Advice: "it takes Airflow " + firstTracing + " or later"})
	case x.d.Memray == "":
		x.find(Finding{Kind: NoMemray, File: x.d.Packages, Text: "Memray is not installed beside Airflow, which then runs untraced, with a warning",
			Advice: "pip install 'apache-airflow[memray]==" + x.d.Airflow + "'"})
	}
}

// captureFindings judges one file in a component's place.
func (x *examiner) captureFindings(c Component) {
	file := c.Capture.File
	if c.Blocks {
		x.find(Finding{Kind: InTheWay, Component: c.Name, File: file,
			Text:   fmt.Sprintf("it will not start (Airflow 3.2.0 to 3.3.2): what the last run left has its name (%s)", c.Capture.State),
			Advice: "memvault rotate " + x.d.Home})
	}
	if n := len(c.Capture.Holders); n > 0 && c.Capture.dead() {
		x.find(Finding{Kind: HeldByOrphans, Component: c.Name, File: file,
			Text: fmt.Sprintf("its writer, pid %d, is gone, and %d processes that do not write it hold it (%s)",
				c.Capture.PID, n, pids(c.Capture.Holders)),
			Advice: "rotate and upload it as any other; deleting it frees no space until they end, and a killed scheduler's workers take no SIGTERM: kill -9 them"})
	}
	if c.Enabled && c.Capture.State == inuse.Unknown.String() {
		x.find(Finding{Kind: UseUnknown, Component: c.Name, File: file, Text: "whether it is live is not known: " + c.Capture.Reason,
			Advice: "look again as the user Airflow runs as, and on its machine"})
	}
	if why := c.Capture.WrongProcess; why != "" {
		advice := "look at the component's log"
		if c.Name == "dag_processor" {
			advice += "; before Airflow " + daemonRepaired + " a DAG processor in the background (-D) is not traced"
		}
		if c.Name == "api" {
			advice += "; trace it with one worker (--workers 1)"
		}
		x.find(Finding{Kind: WrongProcess, Component: c.Name, File: file, Text: why, Advice: advice})
	}
}

// dead reports whether nobody writes the capture.
func (c *Capture) dead() bool {
	return c.State != inuse.Live.String() && c.State != inuse.Unknown.String()
}

// pids lists process ids for a message.
func pids(list []int) string {
	return inuse.Verdict{Holders: holders(list)}.HeldBy()
}

func holders(list []int) []inuse.Holder {
	var h []inuse.Holder
	for _, pid := range list {
		h = append(h, inuse.Holder{PID: pid})
	}
	return h
}
