package watch

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what Prometheus may ask for. A nil Metrics counts nothing.
type Metrics struct {
	fsSize, fsAvail, fsFiles, fsFilesFree, budget, allocated, trash, lz4, toFull, level *prometheus.GaugeVec
	captures, blocking                                                                  *prometheus.GaugeVec
	rotations, rotationFailures, uploads, uploadFailures, uploaded, deletions, deleted  prometheus.Counter
	stepFailures                                                                        *prometheus.CounterVec
	lastUpload, lastRun                                                                 prometheus.Gauge
}

// NewMetrics registers the metrics, and the constant that names the build.
func NewMetrics(r prometheus.Registerer, version, goVersion string) *Metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "memvault_" + name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "memvault_" + name, Help: help})
		r.MustRegister(c)
		return c
	}
	m := &Metrics{
		fsSize:      gauge("filesystem_size_bytes", "Size of the file system that holds the folder.", "path"),
		fsAvail:     gauge("filesystem_avail_bytes", "Bytes of it that are free to others than root.", "path"),
		fsFiles:     gauge("filesystem_files", "Inodes of the file system.", "path"),
		fsFilesFree: gauge("filesystem_files_free", "Inodes of it that are free.", "path"),
		budget:      gauge("budget_bytes", "Ceiling for the captures of the folder; 0 is none.", "path"),
		allocated:   gauge("captures_allocated_bytes", "Bytes that the captures in the folder occupy.", "path"),
		trash:       gauge("trash_bytes", "Bytes that deleted captures occupy which can still be put back.", "path"),
		lz4:         gauge("compression_reserve_bytes", "Bytes that Memray will need to compress the captures that are being written.", "path"),
		toFull:      gauge("time_to_full_seconds", "Time until the folder is full at the present rate; +Inf when it does not grow.", "path"),
		level:       gauge("level", "How full it is: 0 fine, 1 warn, 2 high, 3 critical.", "path"),
		captures:    gauge("captures", "Captures in the folder.", "path", "component", "state"),
		blocking:    gauge("capture_blocking_start", "1 when a capture keeps the component from starting.", "path", "component"),

		rotations:        counter("rotations_total", "Captures moved off the names that their components need."),
		rotationFailures: counter("rotation_failures_total", "Captures in the way that could not be moved."),
		uploads:          counter("uploads_total", "Captures uploaded, or found to be in the archive."),
		uploadFailures:   counter("upload_failures_total", "Uploads that failed."),
		uploaded:         counter("uploaded_bytes_total", "Bytes stored by uploads."),
		deletions:        counter("deletions_total", "Captures deleted."),
		deleted:          counter("deleted_bytes_total", "Bytes that deleted captures occupied."),
		stepFailures:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "memvault_step_failures_total", Help: "Steps that failed as a whole."}, []string{"step"}),
	}
	m.lastUpload = prometheus.NewGauge(prometheus.GaugeOpts{Name: "memvault_last_upload_success_timestamp_seconds", Help: "When a capture was last uploaded."})
	m.lastRun = prometheus.NewGauge(prometheus.GaugeOpts{Name: "memvault_last_run_timestamp_seconds", Help: "When saving and cleaning last ended."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "memvault_build_info", Help: "1, with the version as a label."}, []string{"version", "goversion"})
	build.WithLabelValues(version, goVersion).Set(1)
	r.MustRegister(m.stepFailures, m.lastUpload, m.lastRun, build)
	return m
}

// see takes in how a folder stands, and how many bytes a second it grows by.
func (m *Metrics) see(f Folder, rate float64) {
	if m == nil {
		return
	}
	for g, v := range map[*prometheus.GaugeVec]float64{
		m.fsSize: float64(f.Disk.Total), m.fsAvail: float64(f.Disk.Free), m.fsFiles: float64(f.Disk.Inodes),
		m.fsFilesFree: float64(f.Disk.FreeInodes), m.budget: float64(f.Budget), m.allocated: float64(f.Allocated),
		m.trash: float64(f.Trash), m.lz4: compressedShare * float64(f.Live), m.level: float64(f.Level),
		m.toFull: timeToFull(f.room(), rate),
	} {
		g.WithLabelValues(f.Path).Set(v)
	}
	// What is not there any more counts as 0, so that its series does not stay as it was.
	m.captures.DeletePartialMatch(prometheus.Labels{"path": f.Path})
	m.blocking.DeletePartialMatch(prometheus.Labels{"path": f.Path})
	for kind, n := range f.Captures {
		m.captures.WithLabelValues(f.Path, kind.Component, kind.State.String()).Set(float64(n))
		m.blocking.WithLabelValues(f.Path, kind.Component).Set(0)
	}
	for _, component := range f.Blocking {
		m.blocking.WithLabelValues(f.Path, component).Set(1)
	}
}

// count takes in an event.
func (m *Metrics) count(e Event) {
	if m == nil || e.Would {
		return
	}
	switch e.What {
	case Rotated:
		m.rotations.Inc()
	case RotateFailed:
		m.rotationFailures.Inc()
	case Uploaded:
		m.uploads.Inc()
		m.uploaded.Add(float64(max(e.Bytes, 0)))
		m.lastUpload.SetToCurrentTime()
	case UploadFailed:
		m.uploadFailures.Inc()
	case Deleted:
		m.deletions.Inc()
		m.deleted.Add(float64(max(e.Bytes, 0)))
	}
}

func (m *Metrics) failed(step string) {
	if m != nil {
		m.stepFailures.WithLabelValues(step).Inc()
	}
}

// ran takes in that saving and cleaning have ended.
func (m *Metrics) ran() {
	if m != nil {
		m.lastRun.SetToCurrentTime()
	}
}
