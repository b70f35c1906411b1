package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/memvault/memvault/codec/codectest"
)

// writer TEXT FILE [DURATION] makes a capture of the lines, in which PID and NOW stand for this
// process and the time, and keeps it open for writing: for so long, or to the end of the script.
func writer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: writer TEXT FILE [DURATION]")
	}
	text := strings.NewReplacer("PID", fmt.Sprint(os.Getpid()), "NOW", fmt.Sprint(time.Now().UnixMilli())).Replace(ts.ReadFile(args[0]))
	data, err := codectest.Assemble(text)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	ts.Check(err)
	_, err = f.Write(data)
	ts.Check(err)
	end := sync.OnceFunc(func() { _ = f.Close() })
	ts.Defer(end)
	if len(args) == 3 {
		d, err := time.ParseDuration(args[2])
		ts.Check(err)
		timer := time.AfterFunc(d, end)
		ts.Defer(func() { timer.Stop() })
	}
}
