package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// tty CODE SCREEN PROGRAM ARGS... runs a program with its standard output and error on a
// terminal, and keeps in the file SCREEN what it showed. It must end with the exit code.
func tty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tty CODE SCREEN PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	terminal, program, err := openTerminal()
	ts.Check(err)
	defer terminal.Close()
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TERM=xterm"}
	cmd.Stdout, cmd.Stderr = program, program
	ts.Check(cmd.Start())
	ts.Check(program.Close())
	// Reading ends with EIO when the program has closed its side.
	var screen bytes.Buffer
	_, _ = io.Copy(&screen, terminal)
	if got := code(ts, cmd.Wait()); got != want {
		ts.Fatalf("got exit code %d, want %d; shown: %s", got, want, screen.Bytes())
	}
	text := strings.ReplaceAll(screen.String(), "\r\n", "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

// openTerminal makes a pseudo-terminal: the side of the screen, and that of the program.
func openTerminal() (screen, program *os.File, err error) {
	screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(screen.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	return screen, program, err
}
