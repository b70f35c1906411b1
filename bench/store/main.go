// Store runs the S3 servers of the tests for bench/upload.sh: it makes a bucket on each,
// prints a line NAME ENDPOINT CERTIFICATE ACCESS-KEY SECRET-KEY BUCKET of each and one that
// says "ready", and serves until its standard input ends. For each line NAME PREFIX there it
// prints how many bytes the objects below the prefix have.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/memvault/memvault/internal/s3test"
)

const bucket = "bench"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

func run() error {
	servers, err := s3test.Start()
	if err != nil {
		return err
	}
	cores := map[string]*minio.Core{}
	for _, s := range servers {
		core, err := s.Dial()
		if err != nil {
			return err
		}
		cores[s.Name] = core
		if err := core.MakeBucket(context.Background(), bucket, minio.MakeBucketOptions{Region: s.Region}); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		fmt.Println(s.Name, s.Endpoint, s.CACert, s.AccessKey, s.SecretKey, bucket)
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		name, prefix, _ := strings.Cut(lines.Text(), " ")
		core := cores[name]
		if core == nil {
			return fmt.Errorf("no server %q", name)
		}
		size, err := stored(core, prefix)
		if err != nil {
			return err
		}
		fmt.Println(size)
	}
	return lines.Err()
}

// stored adds up the sizes of the objects below the prefix.
func stored(core *minio.Core, prefix string) (size int64, err error) {
	for o := range core.Client.ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return 0, o.Err
		}
		size += o.Size
	}
	return size, nil
}
