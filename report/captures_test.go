package report_test

import "flag"

var captures = flag.String("captures", "../testdata/captures", "folder of captures with what Memray says of them")
