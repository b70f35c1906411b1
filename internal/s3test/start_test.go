package s3test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestServersEnd kills a test binary that has servers, and waits for their end.
func TestServersEnd(t *testing.T) {
	Servers(t) // skips
	if os.Getenv("MEMVAULT_S3TEST_HOLD") != "" {
		for _, s := range Servers(t) {
			fmt.Println("endpoint", s.Endpoint)
		}
		time.Sleep(time.Hour)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestServersEnd$")
	cmd.Env = append(os.Environ(), "MEMVAULT_S3TEST_HOLD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var addresses []string
	for len(addresses) < len(tools) && lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "endpoint https://"); ok {
			addresses = append(addresses, address)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if len(addresses) != len(tools) {
		t.Fatalf("got servers %q, want %d", addresses, len(tools))
	}
	for _, address := range addresses {
		awaitEnd(t, address)
	}
}

// awaitEnd waits until nobody listens.
func awaitEnd(t *testing.T, address string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("%s still listens a minute after its test binary was killed", address)
}
