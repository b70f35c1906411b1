//go:build !linux

package testfs

import (
	"errors"
	"testing"
)

func mount(testing.TB, string, int64) (string, error) { return "", errors.ErrUnsupported }

func is(string, string) bool { return false }
