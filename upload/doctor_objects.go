package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// A storeCheck is one row of the examination. Its run returns what the store did; an
// error says what it did instead of what is asked.
type storeCheck struct {
	name, asks string
	run        func(*prober, context.Context) (found string, err error)
	otherwise  Verdict // of an error
	effect     string  // of an error
	writes     bool    // leaves an object until the end
}

// The order matters: later checks use the objects of earlier ones.
var storeChecks = []storeCheck{
	{"list", "lists the prefix", (*prober).checkList, Found,
		"missing objects look forbidden: grant s3:ListBucket", false},
	{"clock", "has this machine's time, within 5 minutes", (*prober).checkClock, Found,
		"15 minutes apart, requests are refused; ages in the bucket are by the store's clock", false},
	{"transport", "speaks TLS", (*prober).checkTransport, Noted,
		"captures and what permits access can be read on the way", false},
	{"versioning", "keeps no deleted versions", (*prober).checkVersioning, Noted,
		"deleting frees nothing until a lifecycle rule removes old versions", false},
	{"lock", "locks no objects by default", (*prober).checkLock, Noted,
		"gc and s3 rm wait for the end of the lock; objects of this examination would stay", false},
	{"delete", "permits deleting", (*prober).checkDelete, Noted,
		"uploads need no more; gc s3:// and s3 rm need s3:DeleteObject", false},
	{"lifecycle", "has lifecycle rules", (*prober).checkLifecycle, Noted,
		"bucket apply cannot work; gc s3:// does the same", false},
	{"put", "stores an object with its checksum", (*prober).checkPut, Found,
		"uploads fail: grant s3:PutObject and s3:GetObject", true},
	{"put-if-absent", "refuses to overwrite: PUT with If-None-Match: *", (*prober).checkPutIfAbsent, Found,
		"keys hold the hash of the content, so that only equal content can be overwritten", true},
	{"put-checksum", "refuses an object that is not as its checksum says", (*prober).checkPutChecksum, Noted,
		"objects are read back and hashed", true},
	{"metadata", "returns metadata", (*prober).checkMetadata, Found,
		"what is in the bucket is known by manifests only, and present objects are read back", true},
	{"head-checksum", "shows size and CRC32C of an object", (*prober).checkHeadChecksum, Noted,
		"objects are read back and hashed", true},
	{"range", "gives a part of an object", (*prober).checkRange, Found,
		"s3:// captures cannot be read in place: s3 get them first", true},
	{"tags", "keeps tags", (*prober).checkTags, Noted,
		"uploads go on without; lifecycle rules by tag do not apply. Grant s3:PutObjectTagging and s3:GetObjectTagging", true},
	{"expiry", "keeps objects long enough", (*prober).checkExpiry, Found,
		"such objects are no proof: no local capture is deleted for them", true},
	{"put-if-match", "replaces only what was looked at: PUT with If-Match", (*prober).checkPutIfMatch, Noted,
		"two gc of one bucket do not see each other: run one", true},
	{"delete-if-match", "deletes only what was looked at: DELETE with If-Match", (*prober).checkDeleteIfMatch, Noted,
		"gc s3:// and s3 rm look just before they delete, and can only hope", true},
	{"part-checksum", "refuses a part that is not as its checksum says", (*prober).checkPartChecksum, Noted,
		"objects are read back and hashed", false},
	{"list-parts", "lists the parts of an upload with their checksums", (*prober).checkListParts, Noted,
		"an upload that was killed starts from its beginning. Grant s3:ListMultipartUploadParts", false},
	{"list-uploads", "lists unfinished uploads", (*prober).checkListUploads, Found,
		"s3 clean finds none: have a lifecycle rule abort them. Grant s3:ListBucketMultipartUploads", false},
	{"abort", "aborts an upload", (*prober).checkAbort, Found,
		"unfinished uploads stay and cost: have a lifecycle rule abort them. Grant s3:AbortMultipartUpload", false},
	{"multipart", "puts parts together, and shows a checksum of the whole object", (*prober).checkMultipart, Noted,
		"objects are read back and hashed", true},
	{"whole-checksum", "refuses to complete an upload that is not as its checksum says", (*prober).checkWholeChecksum, Noted,
		"each part is still checked; --proof read reads objects back", true},
	{"complete-if-absent", "refuses to overwrite: Complete with If-None-Match: *", (*prober).checkCompleteIfAbsent, Found,
		"keys hold the hash of the content, so that only equal content can be overwritten", true},
}

// Names and content of the objects that checks share.
const (
	probeObject = "object"
	probeToken  = "token-of-this-probe"
)

var probeBody = []byte("memvault doctor s3 has put this here and removes it again\n")

func crc32cOf(b []byte) string { return minio.ChecksumCRC32C.ChecksumBytes(b).Encoded() }

func (p *prober) checkList(context.Context) (string, error) { return "listed", p.listErr }

func (p *prober) checkClock(context.Context) (string, error) {
	if p.listErr != nil {
		return "", errors.New("not known: listing is denied")
	}
	apart := time.Since(p.now).Round(time.Second).Abs()
	found := fmt.Sprintf("%v apart", apart)
	if apart > 5*time.Minute {
		return "", errors.New(found)
	}
	return found, nil
}

func (p *prober) checkTransport(context.Context) (string, error) {
	if strings.HasPrefix(p.Endpoint, "http:") {
		return "", errors.New("plain HTTP")
	}
	return "TLS", nil
}

func (p *prober) checkVersioning(ctx context.Context) (string, error) {
	r, err := p.ask(ctx, http.MethodGet, "", url.Values{"versioning": {""}}, nil, nil)
	if err != nil {
		return "", err
	}
	var v struct{ Status string }
	if err := r.decode(&v); err != nil {
		return "", err
	}
	if v.Status != "" {
		return "", fmt.Errorf("versioning is %s", v.Status)
	}
	return "no versions", nil
}

// checkLock makes the checks that write be left out where their objects would stay.
func (p *prober) checkLock(ctx context.Context) (string, error) {
	r, err := p.ask(ctx, http.MethodGet, "", url.Values{"object-lock": {""}}, nil, nil)
	if err != nil {
		return "none that can be read: " + codeOf(err), nil
	}
	var v struct {
		Rule struct {
			DefaultRetention struct {
				Mode        string
				Days, Years int
			}
		}
	}
	if err := r.decode(&v); err != nil {
		return "", err
	}
	d := v.Rule.DefaultRetention
	if d.Mode == "" {
		return "none by default", nil
	}
	p.refused = "the bucket locks new objects"
	return "", fmt.Errorf("%s for %d days, %d years", d.Mode, d.Days, d.Years)
}

// checkDelete makes the checks that write be left out where their objects would stay. A
// bucket with versions may note the deletion of nothing; clean removes the note.
func (p *prober) checkDelete(ctx context.Context) (string, error) {
	_, err := p.ask(ctx, http.MethodDelete, "absent", nil, nil, nil)
	if err != nil && !isAbsent(err) {
		if p.refused == "" {
			p.refused = "what is written could not be deleted"
		}
		return "", err
	}
	return "permitted", nil
}

func (p *prober) checkLifecycle(ctx context.Context) (string, error) {
	r, err := p.ask(ctx, http.MethodGet, "", url.Values{"lifecycle": {""}}, nil, nil)
	if codeOf(err) == "NoSuchLifecycleConfiguration" {
		return "no rules yet", nil
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d rules", bytes.Count(r.body, []byte("<Rule>"))), nil
}

func (p *prober) checkPut(ctx context.Context) (string, error) {
	_, err := p.putObject(ctx, probeObject, probeBody, http.Header{
		"If-None-Match":         {"*"},
		"X-Amz-Meta-Probetoken": {probeToken},
	})
	return "stored", err
}

// putObject stores body, with its checksum.
func (p *prober) putObject(ctx context.Context, name string, body []byte, header http.Header) (*reply, error) {
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Amz-Checksum-Crc32c", crc32cOf(body))
	return p.ask(ctx, http.MethodPut, name, nil, header, body)
}

func (p *prober) checkPutIfAbsent(ctx context.Context) (string, error) {
	_, err := p.putObject(ctx, probeObject, probeBody, http.Header{"If-None-Match": {"*"}, "X-Amz-Meta-Probetoken": {probeToken}})
	return refusal(err, "a second PUT overwrote the first", "412", "409")
}

func (p *prober) checkPutChecksum(ctx context.Context) (string, error) {
	header := http.Header{"X-Amz-Checksum-Crc32c": {crc32cOf(probeBody[1:])}}
	err := p.wrong(ctx, func(ctx context.Context) error {
		_, err := p.sendOnce(ctx, p.about(http.MethodPut, "wrong", nil, header, probeBody))
		return err
	})
	return refusal(err, "it was accepted", "400")
}

// head asks for the metadata of an object, with its checksum.
func (p *prober) head(ctx context.Context, name string) (*reply, error) {
	return p.ask(ctx, http.MethodHead, name, nil, http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}}, nil)
}

func (p *prober) checkMetadata(ctx context.Context) (string, error) {
	r, err := p.head(ctx, probeObject)
	if err != nil {
		return "", err
	}
	if got := r.header.Get("X-Amz-Meta-Probetoken"); got != probeToken {
		return "", fmt.Errorf("got %q, want %q", got, probeToken)
	}
	return "returned", nil
}

func (p *prober) checkHeadChecksum(ctx context.Context) (string, error) {
	r, err := p.head(ctx, probeObject)
	if err != nil {
		return "", err
	}
	size, sum := r.header.Get("Content-Length"), r.header.Get("X-Amz-Checksum-Crc32c")
	if want := fmt.Sprint(len(probeBody)); size != want || sum != crc32cOf(probeBody) {
		return "", fmt.Errorf("got %s bytes, CRC32C %q; want %s, %q", size, sum, want, crc32cOf(probeBody))
	}
	return "shown", nil
}

func (p *prober) checkRange(ctx context.Context) (string, error) {
	r, err := p.ask(ctx, http.MethodGet, probeObject, nil, http.Header{"Range": {"bytes=9-14"}}, nil)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(r.body, probeBody[9:15]) {
		return "", fmt.Errorf("asked for 6 bytes, got %d that are others", len(r.body))
	}
	return "given", nil
}

func (p *prober) checkTags(ctx context.Context) (string, error) {
	if _, err := p.putObject(ctx, "tagged", probeBody, http.Header{"X-Amz-Tagging": {"probe=yes"}}); err != nil {
		return "", err
	}
	r, err := p.ask(ctx, http.MethodGet, "tagged", url.Values{"tagging": {""}}, nil, nil)
	if err != nil {
		return "", err
	}
	if !bytes.Contains(r.body, []byte("<Value>yes</Value>")) {
		return "", errors.New("accepted, and not there afterwards")
	}
	return "kept", nil
}

func (p *prober) checkExpiry(ctx context.Context) (string, error) {
	info, err := p.Core.StatObject(ctx, p.place.Bucket, p.root+probeObject, minio.StatObjectOptions{ServerSideEncryption: p.customerKey()})
	switch {
	case err != nil:
		return "", err
	case info.Expiration.IsZero():
		return "no expiry", nil
	case info.Expiration.Sub(p.now) < p.minLife:
		return "", fmt.Errorf("a rule deletes them on %s", info.Expiration.UTC().Format(time.DateOnly))
	}
	return "until " + info.Expiration.UTC().Format(time.DateOnly), nil
}

func (p *prober) checkPutIfMatch(ctx context.Context) (string, error) {
	_, err := p.putObject(ctx, "tagged", probeBody, http.Header{"If-Match": {`"00000000000000000000000000000000"`}})
	return refusal(err, "a PUT for another ETag overwrote the object", "412", "409")
}

func (p *prober) checkDeleteIfMatch(ctx context.Context) (string, error) {
	if _, err := p.putObject(ctx, "deleted", probeBody, nil); err != nil {
		return "", err
	}
	_, err := p.ask(ctx, http.MethodDelete, "deleted", nil, http.Header{"If-Match": {`"00000000000000000000000000000000"`}}, nil)
	return refusal(err, "a DELETE for another ETag deleted the object", "412", "409")
}
