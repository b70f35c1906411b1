// Package airflowtest holds no code but a test that runs a real Airflow with memvault beside it: from a
// scheduler that was killed and does not start again, to captures in a bucket that convert.
//
// It installs Airflow 3.3.2 with Memray from the package index and takes some minutes: only with MEMVAULT_SOAK=1,
// as `.ci/run soak` sets it. testdata/constraints.txt has the versions of all packages that it was last run with.
package airflowtest
