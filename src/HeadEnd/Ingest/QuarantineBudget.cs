using System.Collections.Concurrent;

namespace Headwater.HeadEnd.Ingest;

/// <summary>How much each sender holds in quarantine, against its budget. Beyond it nothing of that kind is acknowledged.</summary>
/// <remarks>Spent when a message is decoded, before its commit; given back when it is replayed or discarded. One entry per sender that has
/// anything held, so its size is bounded by what is held in all.</remarks>
public sealed class QuarantineBudget(IngestOptions options)
{
    private readonly ConcurrentDictionary<string, Spent> _senders = new(StringComparer.Ordinal);
    private long _bytes;

    private sealed class Spent
    {
        internal int Messages;
        internal long Bytes;
        internal bool IsGone; // taken out of the table: whoever still holds it looks again
    }

    /// <summary>Takes room for one message; false when the budget is spent.</summary>
    /// <param name="owner">The sender (owner of the session).</param>
    /// <param name="bytes">Length of the payload.</param>
    public bool TrySpend(string owner, int bytes)
    {
        var spent = Find(owner);
        lock (spent)
        {
            if (spent.IsGone) { return TrySpend(owner, bytes); }
            if (spent.Messages >= options.QuarantineMessagesPerSender || spent.Bytes + bytes > options.QuarantineBytesPerSender
                || Interlocked.Read(ref _bytes) + bytes > options.QuarantineBytesInAll)
            {
                return false;
            }

            spent.Messages++;
            spent.Bytes += bytes;
        }

        Interlocked.Add(ref _bytes, bytes);
        return true;
    }

    /// <summary>Counts what is held already (at the start), or gives room back with negative numbers.</summary>
    public void Adjust(string owner, int messages, long bytes)
    {
        var spent = Find(owner);
        lock (spent)
        {
            if (spent.IsGone)
            {
                Adjust(owner, messages, bytes);
                return;
            }

            spent.Messages = Math.Max(0, spent.Messages + messages);
            spent.Bytes = Math.Max(0, spent.Bytes + bytes);
            if (spent.Messages == 0)
            {
                spent.IsGone = true;
                _senders.TryRemove(owner, out _);
            }
        }

        Interlocked.Add(ref _bytes, bytes);
    }

    private Spent Find(string owner) => _senders.GetOrAdd(owner, static _ => new Spent());
}
