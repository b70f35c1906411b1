package s3test

import (
	"math/rand/v2"
	"net/http"
	"time"
)

// An Op is what a request asks of the store.
type Op string

// The operations that a Proxy tells apart.
const (
	Create      Op = "create"       // CreateMultipartUpload
	Part        Op = "part"         // UploadPart
	Complete    Op = "complete"     // CompleteMultipartUpload
	Abort       Op = "abort"        // AbortMultipartUpload
	ListParts   Op = "list-parts"   // of one upload
	ListUploads Op = "list-uploads" // of a bucket
	List        Op = "list"         // objects of a bucket
	Put         Op = "put"
	Head        Op = "head"
	Get         Op = "get"
	Delete      Op = "delete"
	Other       Op = "other" // buckets, tags, lifecycle and the rest
)

// A Request is one that has come to a Proxy.
type Request struct {
	Op          Op
	Bucket, Key string // Key is "" for requests to a bucket
	UploadID    string
	Part        int         // part number, from 1; 0 for others than Part
	N           int         // number of this request at the proxy, from 1
	Attempt     int         // how often the same Op of Key, UploadID and Part has come, from 1
	Size        int64       // length of the body as announced, in bytes; -1: unknown
	Header      http.Header // not to be changed

	// What became of it; zero while Faults are asked.
	Sent      int64 // bytes of the body that came from the client
	Status    int   // of the server's reply or, where a fault replied, of that; 0: none came
	Delivered bool  // the client was sent the whole reply; a reset later may still lose it
	Done      bool  // nothing more happens to it
	Fault     Kind  // what was injected
}

// A Kind of fault.
type Kind string

// The faults. At is an offset in bytes, Wait a time; see Fault.
const (
	None        Kind = ""
	Unavailable Kind = "503"        // answers 503 SlowDown; the server hears nothing
	Denied      Kind = "403"        // answers 403 AccessDenied; the server hears nothing
	Reset       Kind = "reset"      // resets the connection after At bytes of the request's body
	LostReply   Kind = "lost-reply" // the server does it; the connection is reset before the reply
	CutReply    Kind = "cut-reply"  // resets the connection after At bytes of the reply's body
	CutBody     Kind = "cut-body"   // the server gets only At bytes of the request's body, then the end
	WrongBytes  Kind = "wrong"      // flips a bit of the request's body at At (of the first byte, if shorter)
	Slow        Kind = "slow"       // the request's body passes with At bytes a second
	Stall       Kind = "stall"      // nothing moves for Wait from At bytes of the body on; then it goes on
)

// A Fault is what happens to one request.
type Fault struct {
	Kind Kind
	At   int64
	Wait time.Duration
}

// Faults say what a Proxy does to the traffic. The zero value passes and counts it.
type Faults struct {
	// Choose returns the fault of a request, and is called for one at a time; nil: none.
	Choose func(Request) Fault
	// Rewrite changes the request's headers on the way to the server, which then sees it
	// signed anew; nil: as it came.
	Rewrite func(Request, http.Header)
}

// Each returns a chooser that injects f into every n-th request, n from 2.
func Each(n int, f Fault) func(Request) Fault {
	return func(r Request) Fault {
		if r.N%n != 0 {
			return Fault{}
		}
		return f
	}
}

// Once returns a chooser that injects f into the first attempt of op, of each key and part.
func Once(op Op, f Fault) func(Request) Fault {
	return func(r Request) Fault {
		if r.Op != op || r.Attempt > 1 {
			return Fault{}
		}
		return f
	}
}

// Random returns a chooser that injects any kind of fault into that share of the requests,
// at any offset; the same seed and the same requests give the same faults. Waits last at
// most a tenth of a second.
func Random(seed uint64, share float64) func(Request) Fault {
	rnd := rand.New(rand.NewPCG(seed, 0))
	return func(r Request) Fault {
		if rnd.Float64() >= share {
			return Fault{}
		}
		kinds := []Kind{Unavailable, LostReply, CutReply, Reset, Stall}
		if r.Size > 0 {
			kinds = append(kinds, CutBody, WrongBytes, Slow)
		}
		f := Fault{Kind: kinds[rnd.IntN(len(kinds))], At: rnd.Int64N(max(r.Size, 1))}
		switch f.Kind {
		case CutReply:
			f.At = rnd.Int64N(200)
		case Slow:
			f.At = max(r.Size, 1) * 10 // a tenth of a second in all
		case Stall:
			f.Wait = time.Duration(rnd.Int64N(int64(100 * time.Millisecond)))
		}
		return f
	}
}
