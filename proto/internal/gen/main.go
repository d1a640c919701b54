// Command gen compiles the .proto files of the directory it is run in and writes the Go code beside
// them. Run it as "go generate ./proto".
//
// The compiler is protocompile, a library, so that no protoc binary is needed; the generator is
// protoc-gen-go, the tool that go.mod names, which speaks the plugin protocol over its standard
// input and output.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/pluginpb"
)

// importPath is in front of the names of the .proto files in descriptors. Programs keep all file
// names that are linked in in one table, so a plain "histogram.proto" might clash with others'.
const importPath = "github.com/gomapfile/mapfile/proto"

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	files, err := generate(context.Background(), ".")
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate returns the Go files that belong to the .proto files in dir, by base name.
func generate(ctx context.Context, dir string) (map[string][]byte, error) {
	req, err := compile(ctx, dir)
	if err != nil {
		return nil, err
	}
	resp, err := runGenerator(ctx, dir, req)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range resp.File {
		files[path.Base(f.GetName())] = []byte(f.GetContent())
	}
	return files, nil
}

// compile turns the .proto files in dir into what a generator asks for: descriptors with comments.
func compile(ctx context.Context, dir string) (*pluginpb.CodeGeneratorRequest, error) {
	sources, err := filepath.Glob(filepath.Join(dir, "*.proto"))
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("no .proto files in %s", dir)
	}
	req := &pluginpb.CodeGeneratorRequest{Parameter: proto.String("paths=source_relative")}
	for _, source := range sources {
		req.FileToGenerate = append(req.FileToGenerate, path.Join(importPath, filepath.Base(source)))
	}
	compiler := protocompile.Compiler{
		Resolver: &protocompile.SourceResolver{
			Accessor: func(name string) (io.ReadCloser, error) {
				return os.Open(filepath.Join(dir, path.Base(name)))
			},
		},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := compiler.Compile(ctx, req.FileToGenerate...)
	if err != nil {
		return nil, err
	}
	// The files here import nothing, so their order does not matter.
	for _, file := range compiled {
		req.ProtoFile = append(req.ProtoFile, protodesc.ToFileDescriptorProto(file))
	}
	return req, nil
}

// runGenerator hands req to protoc-gen-go. dir only has to be in this module.
func runGenerator(ctx context.Context, dir string, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	in, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "tool", "protoc-gen-go")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go tool protoc-gen-go: %w\n%s", err, stderr.Bytes())
	}
	resp := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, resp); err != nil {
		return nil, fmt.Errorf("answer of protoc-gen-go: %w", err)
	}
	if resp.Error != nil {
		return nil, fmt.Errorf("protoc-gen-go: %s", resp.GetError())
	}
	return resp, nil
}
