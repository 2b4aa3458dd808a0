using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Headwater.Mqtt.Server;

/// <summary>MQTT over WebSocket: the same server behind an HTTP endpoint.</summary>
/// <remarks>MQTT 5.0 section 6. Needs <c>app.UseWebSockets()</c> before the endpoints.</remarks>
public static class WebSocketTransport
{
    private const string Subprotocol = "mqtt";

    /// <summary>Serves MQTT over WebSocket at a path.</summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="path">For example <c>/mqtt</c>.</param>
    /// <param name="listener">Its name.</param>
    public static IEndpointConventionBuilder MapMqtt(this IEndpointRouteBuilder endpoints, string path, MqttListener listener)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ArgumentNullException.ThrowIfNull(listener);
        var server = endpoints.ServiceProvider.GetRequiredService<MqttServer>();
        return endpoints.MapGet(path, context => ServeAsync(server, listener, context)).ExcludeFromDescription();
    }

    private static async Task ServeAsync(MqttServer server, MqttListener listener, HttpContext context)
    {
        // The client must offer the subprotocol "mqtt" [MQTT-6.0.0-3].
        if (!context.WebSockets.IsWebSocketRequest || !context.WebSockets.WebSocketRequestedProtocols.Contains(Subprotocol, StringComparer.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsync("This address speaks MQTT over WebSocket with the subprotocol \"mqtt\".", context.RequestAborted);
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(Subprotocol);
        await using var stream = new WebSocketFrames(socket);
        var input = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 4_096, minimumReadSize: 512, leaveOpen: true, useZeroByteReads: false));
        var output = PipeWriter.Create(stream, new StreamPipeWriterOptions(leaveOpen: true));
        await using var connection = new WebSocketConnection(context, input, output);
        await server.ServeAsync(connection, listener);
        await output.CompleteAsync();
        await CloseAsync(socket, context.RequestAborted);
    }

    private static async Task CloseAsync(WebSocket socket, CancellationToken aborted)
    {
        if (socket.State is not (WebSocketState.Open or WebSocketState.CloseReceived)) { return; }
        try { await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, aborted); }
        catch (Exception fault) when (fault is WebSocketException or OperationCanceledException or IOException)
        {
            // The peer is gone already.
        }
    }

    /// <summary>An HTTP request as a connection.</summary>
    private sealed class WebSocketConnection(HttpContext context, PipeReader input, PipeWriter output) : ConnectionContext, IDuplexPipe
    {
        private IDictionary<object, object?>? _items;

        public override string ConnectionId { get; set; } = context.Connection.Id;

        public override IFeatureCollection Features => context.Features;

        public override IDictionary<object, object?> Items
        {
            get => _items ??= new ConnectionItems();
            set => _items = value;
        }

        public override IDuplexPipe Transport
        {
            get => this;
            set => throw new NotSupportedException("the transport of a WebSocket does not change");
        }

        public PipeReader Input => input;

        public PipeWriter Output => output;

        public override EndPoint? RemoteEndPoint { get; set; } =
            context.Connection.RemoteIpAddress is { } address ? new IPEndPoint(address, context.Connection.RemotePort) : null;

        public override void Abort(ConnectionAbortedException abortReason) => context.Abort();
    }

    /// <summary>Binary frames as a stream of bytes; packets may lie across frames and several in one [MQTT-6.0.0-2].</summary>
    private sealed class WebSocketFrames(WebSocket socket) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                ValueWebSocketReceiveResult result;
                try { result = await socket.ReceiveAsync(buffer, cancellationToken); }
                catch (WebSocketException fault) { throw new IOException("WebSocket lost", fault); }
                if (result.MessageType == WebSocketMessageType.Close) { return 0; }
                if (result.MessageType == WebSocketMessageType.Text) { throw new IOException("text frame on an MQTT WebSocket"); } // [MQTT-6.0.0-1]
                if (result.Count > 0) { return result.Count; }
            }
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try { await socket.SendAsync(buffer, WebSocketMessageType.Binary, endOfMessage: true, cancellationToken); }
            catch (WebSocketException fault) { throw new IOException("WebSocket lost", fault); }
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Flush()
        {
            // Nothing is held back.
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("async only");

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("async only");

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
