using System.Net;
using System.Runtime.InteropServices;

namespace Headwater.Simulator.Load;

/// <summary>The few system calls the load generator makes itself: sockets and epoll of Linux, without a thread hop or an allocation per call.</summary>
/// <remarks>A generator that shares two cores with what it measures has to cost as little as it can; <see cref="System.Net.Sockets.Socket"/>
/// spends more on one asynchronous receive than the whole PUBACK is worth. Linux only; the fleets use ordinary sockets.</remarks>
internal static unsafe partial class LibC
{
    internal const int Again = 11; // EAGAIN
    internal const int InProgress = 115; // EINPROGRESS
    internal const uint Readable = 0x001; // EPOLLIN
    internal const uint Writable = 0x004; // EPOLLOUT
    internal const uint Broken = 0x008 | 0x010; // EPOLLERR | EPOLLHUP
    internal const int Add = 1; // EPOLL_CTL_ADD
    internal const int Modify = 3; // EPOLL_CTL_MOD

    private const int Internet = 2; // AF_INET
    private const int StreamNonblockingCloseOnExec = 1 | 0x800 | 0x80000;
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL: a closed peer is an error code, not a signal

    /// <summary>epoll_event is packed on x86-64 only.</summary>
    internal static int EventSize { get; } = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int EventDataOffset = EventSize - 8;

    /// <summary>A socket with TCP_NODELAY that begins to connect from a source address.</summary>
    /// <returns>The descriptor, or the negative errno.</returns>
    internal static int Connect(IPEndPoint target, IPAddress? source)
    {
        var descriptor = Socket(Internet, StreamNonblockingCloseOnExec, 0);
        if (descriptor < 0) { return -Marshal.GetLastPInvokeError(); }
        var on = 1;
        SetSocketOption(descriptor, 6, 1, &on, sizeof(int)); // IPPROTO_TCP, TCP_NODELAY
        var address = stackalloc byte[16];
        if (source is not null)
        {
            // IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, so that each source address has its own range of ports.
            SetSocketOption(descriptor, 0, 24, &on, sizeof(int));
            Fill(address, source, 0);
            if (Bind(descriptor, address, 16) < 0) { return CloseWith(descriptor, Marshal.GetLastPInvokeError()); }
        }

        Fill(address, target.Address, (ushort)target.Port);
        if (Connect(descriptor, address, 16) < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error != InProgress) { return CloseWith(descriptor, error); }
        }

        return descriptor;
    }

    /// <summary>Sends what fits; the negative errno when nothing does.</summary>
    internal static int Send(int descriptor, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            var sent = Send(descriptor, start, bytes.Length, NoSignal);
            return sent < 0 ? -Marshal.GetLastPInvokeError() : (int)sent;
        }
    }

    /// <summary>Receives what is there; 0 at the end of the stream; the negative errno when nothing is there.</summary>
    internal static int Receive(int descriptor, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var received = Receive(descriptor, start, buffer.Length, 0);
            return received < 0 ? -Marshal.GetLastPInvokeError() : (int)received;
        }
    }

    /// <summary>Watches a descriptor; <paramref name="index"/> comes back with its events.</summary>
    internal static void Watch(int poll, int operation, int descriptor, uint events, int index)
    {
        var entry = stackalloc byte[16];
        *(uint*)entry = events;
        *(long*)(entry + EventDataOffset) = index;
        EpollControl(poll, operation, descriptor, entry);
    }

    /// <summary>Waits for events; the count.</summary>
    internal static int Wait(int poll, byte[] events, int timeoutMilliseconds)
    {
        fixed (byte* start = events)
        {
            var count = EpollWait(poll, start, events.Length / EventSize, timeoutMilliseconds);
            return Math.Max(count, 0); // interrupted by a signal: as if nothing had happened
        }
    }

    /// <summary>The i-th event of a wait.</summary>
    internal static (uint Events, int Index) EventAt(byte[] events, int i)
    {
        var entry = events.AsSpan(i * EventSize, EventSize);
        return (MemoryMarshal.Read<uint>(entry), (int)MemoryMarshal.Read<long>(entry[EventDataOffset..]));
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    internal static partial int EpollCreate(int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    internal static partial int Close(int descriptor);

    private static int CloseWith(int descriptor, int error)
    {
        _ = Close(descriptor);
        return -error;
    }

    private static void Fill(byte* address, IPAddress ip, ushort port)
    {
        new Span<byte>(address, 16).Clear();
        *(ushort*)address = Internet;
        address[2] = (byte)(port >> 8);
        address[3] = (byte)port;
        ip.TryWriteBytes(new Span<byte>(address + 4, 4), out _);
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int descriptor, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(int descriptor, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "setsockopt")]
    private static partial int SetSocketOption(int descriptor, int level, int option, void* value, int length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(int descriptor, byte* bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(int descriptor, byte* bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int EpollControl(int poll, int operation, int descriptor, void* entry);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int EpollWait(int poll, void* events, int count, int timeout);
}
