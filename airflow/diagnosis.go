package airflow

import "time"

// A Diagnosis is what Examine finds out. Sizes are bytes.
type Diagnosis struct {
	// Home is the folder of the captures.
	Home string `json:"home"`
	// Config is Airflow's configuration file; ConfigRead tells that it is there.
	Config     string `json:"config"`
	ConfigRead bool   `json:"config_read"`
	// Setting is the value that names the traced components, and Source where it stands: an
	// environment variable, or Config; "" when neither has it.
	Setting string `json:"setting"`
	Source  string `json:"source,omitempty"`
	// Detailed tells that native stacks and pymalloc are traced too.
	Detailed bool `json:"detailed"`
	// Airflow and Memray are the versions installed beside the airflow command in PATH; ""
	// where there is none. Packages is the folder they are in.
	Airflow  string `json:"airflow,omitempty"`
	Memray   string `json:"memray,omitempty"`
	Packages string `json:"packages,omitempty"`

	Components []Component `json:"components"`
	// Leftovers are unfinished compressions (.lz4.tmp) that nobody works on.
	Leftovers []Leftover `json:"leftovers"`
	Disk      *Disk      `json:"disk,omitempty"`
	Findings  []Finding  `json:"findings"`
}

// A Component is one that can be traced.
type Component struct {
	Name string `json:"name"`
	// Enabled tells that the configuration has it traced.
	Enabled bool `json:"enabled"`
	// Capture is the file with its fixed name; nil when there is none.
	Capture *Capture `json:"capture,omitempty"`
	// Blocks tells that the component will not start: Capture is in its way.
	Blocks bool `json:"blocks_start"`
}

// A Capture is the file in a component's place.
type Capture struct {
	File string `json:"file"`
	// Size is the length of the file, Data how much of it is written.
	Size int64 `json:"size"`
	Data int64 `json:"data"`
	// State is "live", "unknown" when that cannot be told, and else as Rotation.State; Reason says why.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// Start is when tracking began; nil without a header.
	Start *time.Time `json:"start,omitempty"`
	PID   int32      `json:"pid,omitempty"`
	// Memray names the releases that write such a capture. They alone read it, and memvault.
	Memray string `json:"memray,omitempty"`
	Native bool   `json:"native,omitempty"`
	// Holders are the processes that have it open.
	Holders []int `json:"holders,omitempty"`
	// Growth is the present rate in bytes a second, Average that since the start; both are 0 when
	// it is not live.
	Growth  float64 `json:"bytes_per_second,omitempty"`
	Average float64 `json:"average_bytes_per_second,omitempty"`
	// WrongProcess says how it shows that the capture is of another process than the one that
	// does the work; "" when it does not.
	WrongProcess string `json:"wrong_process,omitempty"`
}

// A Leftover is a file that Memray would have finished.
type Leftover struct {
	File string `json:"file"`
	Size int64  `json:"size"`
	// Beside tells that the capture itself still has its name beside it.
	Beside bool `json:"capture_beside"`
}

// Disk is the room for the captures.
type Disk struct {
	// Available is what Airflow's user can still write, Size the size of the file system.
	Available int64 `json:"available"`
	Size      int64 `json:"size"`
	// Growth is the rate of all live captures in bytes a second: for each the higher one of now
	// and since its start.
	Growth float64 `json:"bytes_per_second"`
	// Hour is what they will have taken in an hour: growth in steps of a tenth, and the
	// copies that Memray compresses into at the end.
	Hour int64 `json:"needed_for_an_hour"`
}

// A Finding is something to act upon.
type Finding struct {
	// Kind is a word for programs, as "in-the-way".
	Kind      string `json:"kind"`
	Component string `json:"component,omitempty"`
	File      string `json:"file,omitempty"`
	// Text says what is wrong, Advice what to do.
	Text   string `json:"text"`
	Advice string `json:"advice"`
}
