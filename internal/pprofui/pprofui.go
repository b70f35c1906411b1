// Package pprofui serves pprof's own web interface for one profile, to one person.
//
// Profiles made of captures are hostile input, and so is the browser's neighbourhood: the
// interface is found only below a random path, answers only to names that are no use to
// DNS rebinding, and is without the views that open the files a profile names (source
// code and disassembly). Nothing is fetched, symbolized or looked up.
package pprofui

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/pprof/driver"
	"github.com/google/pprof/profile"
)

// closed are the views that would read files by the names in a profile.
var closed = [...]string{"/source", "/disasm"}

// handlers has pprof make its pages of p, by path.
func handlers(p *profile.Profile, sampleType string, note func(string)) (map[string]http.Handler, error) {
	var made map[string]http.Handler
	err := driver.PProf(&driver.Options{
		Flagset: newFlagSet("-http=localhost:0", "-no_browser", "-symbolize=none", "-sample_index="+sampleType, "capture"),
		Fetch:   fetcher{p},
		Sym:     symbolizer{},
		Obj:     objTool{},
		UI:      ui{note},
		HTTPServer: func(args *driver.HTTPServerArgs) error {
			made = args.Handlers // all that is wanted of it: we serve them ourselves
			return nil
		},
		HTTPTransport: offline{},
	})
	if err != nil {
		return nil, fmt.Errorf("pprof: %w", err)
	}
	if made == nil {
		return nil, errors.New("pprof: it made no pages")
	}
	for _, path := range closed {
		made[path] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "memvault opens none of the files that a capture names.", http.StatusNotFound)
		})
	}
	return made, nil
}

// flagSet gives pprof a command line.
type flagSet struct {
	*flag.FlagSet
	args []string
}

func newFlagSet(args ...string) *flagSet {
	f := &flagSet{FlagSet: flag.NewFlagSet("pprof", flag.ContinueOnError), args: args}
	f.SetOutput(io.Discard)
	return f
}

func (f *flagSet) StringList(name, value, usage string) *[]*string {
	return &[]*string{f.String(name, value, usage)}
}

func (f *flagSet) ExtraUsage() string     { return "" }
func (f *flagSet) AddExtraUsage(_ string) {}

// Parse gives the arguments that are no flags, or none when something is wrong.
func (f *flagSet) Parse(_ func()) []string {
	if err := f.FlagSet.Parse(f.args); err != nil {
		return nil
	}
	return f.Args()
}

// fetcher gives pprof the profile. The empty source says that it is of this machine.
type fetcher struct{ p *profile.Profile }

func (f fetcher) Fetch(string, time.Duration, time.Duration) (*profile.Profile, string, error) {
	return f.p, "", nil
}

// symbolizer knows no symbols.
type symbolizer struct{}

func (symbolizer) Symbolize(string, driver.MappingSources, *profile.Profile) error { return nil }

var errNoFiles = errors.New("no files are opened")

// objTool opens no files.
type objTool struct{}

func (objTool) Open(string, uint64, uint64, uint64, string) (driver.ObjFile, error) {
	return nil, errNoFiles
}

func (objTool) Disasm(string, uint64, uint64, bool) ([]driver.Inst, error) { return nil, errNoFiles }

// offline is a network that is not there.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("the network is not used")
}

// ui passes on what pprof finds wrong; what it has to say besides is about its own server.
type ui struct{ note func(string) }

func (ui) ReadLine(string) (string, error)          { return "", io.EOF }
func (ui) Print(...any)                             {}
func (u ui) PrintErr(args ...any)                   { u.note(fmt.Sprint(args...)) }
func (ui) IsTerminal() bool                         { return false }
func (ui) WantBrowser() bool                        { return false }
func (ui) SetAutoComplete(func(line string) string) {}
