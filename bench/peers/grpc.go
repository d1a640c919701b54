package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// overGRPC is a server in the producer: gRPC on a Unix socket, a call for each value. Messages are bare
// bytes, so that no time goes into protocol buffers.
type overGRPC struct{}

const grpcMethod = "/mapfile.peers.Values/Get"

// bare is a codec of *[]byte. Decoding writes over what was there.
type bare struct{}

func (bare) Name() string { return "bare" }

func (bare) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("bare bytes are a *[]byte, not a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*message)}, nil
}

func (bare) Unmarshal(message mem.BufferSlice, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("bare bytes are a *[]byte, not a %T", v)
	}
	if n := message.Len(); cap(*into) < n {
		*into = make([]byte, n)
	} else {
		*into = (*into)[:n]
	}
	message.CopyTo(*into)
	return nil
}

func (overGRPC) create(dir string, sizes []int) (publisher, error) {
	listener, err := listen(dir)
	if err != nil {
		return nil, err
	}
	p := &grpcPublisher{newServed(sizes), grpc.NewServer(grpc.ForceServerCodecV2(bare{}))}
	p.server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "mapfile.peers.Values",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Get", Handler: p.answer}},
	}, p)
	go p.server.Serve(listener) // until it is stopped
	return p, nil
}

type grpcPublisher struct {
	*served
	server *grpc.Server
}

func (p *grpcPublisher) answer(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var request []byte
	if err := decode(&request); err != nil {
		return nil, err
	}
	if len(request) != 4 {
		return nil, fmt.Errorf("a request has 4 bytes, not %d", len(request))
	}
	value, err := p.appendTo(nil, int(binary.LittleEndian.Uint32(request)))
	return &value, err
}

func (p *grpcPublisher) close() error {
	p.server.Stop()
	return nil
}

func (overGRPC) open(dir string, _ []int) (reader, error) {
	if err := answers(dir); err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///producer",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socketIn(dir))
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bare{}), grpc.MaxCallRecvMsgSize(1<<30)))
	return grpcReader{conn}, err
}

type grpcReader struct{ conn *grpc.ClientConn }

func (r grpcReader) read(slot int, buf []byte) error {
	request := binary.LittleEndian.AppendUint32(nil, uint32(slot))
	answer := buf[:0]
	if err := r.conn.Invoke(context.Background(), grpcMethod, &request, &answer); err != nil {
		return err
	}
	if len(answer) != len(buf) {
		return fmt.Errorf("slot %d has %d bytes, not %d", slot, len(answer), len(buf))
	}
	return nil
}

func (r grpcReader) close() error { return r.conn.Close() }
