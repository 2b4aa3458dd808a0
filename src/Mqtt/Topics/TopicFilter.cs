using System.Text;
using System.Text.Unicode;

namespace Headwater.Mqtt.Topics;

/// <summary>Rules for the patterns subscriptions are made with.</summary>
/// <remarks>
/// MQTT 3.1.1 and 5.0 section 4.7, shared subscriptions 5.0 section 4.8.2: <c>#</c> stands alone in the last level,
/// <c>+</c> alone in any level; <c>$share/{group}/{filter}</c> has a group of at least one character without
/// <c>/</c>, <c>+</c>, <c>#</c>, and a filter of at least one.
/// </remarks>
public static class TopicFilter
{
    private static ReadOnlySpan<byte> SharePrefix => "$share/"u8;

    /// <summary>True when the filter may be subscribed to; a shared one is judged with its prefix.</summary>
    /// <param name="filter">UTF-8.</param>
    public static bool IsValid(ReadOnlySpan<byte> filter)
    {
        if (filter.IsEmpty || filter.Length > TopicName.MaximumLength || filter.Contains((byte)0) || !Utf8.IsValid(filter))
        {
            return false;
        }

        return IsShared(filter) ? TryParseShared(filter, out _, out _) : WildcardsStandAlone(filter);
    }

    /// <summary>True when the filter may be subscribed to; a shared one is judged with its prefix.</summary>
    /// <param name="filter">Text.</param>
    public static bool IsValid(ReadOnlySpan<char> filter)
    {
        if (filter.IsEmpty || filter.Length > TopicName.MaximumLength || !TopicName.TryMeasure(filter, out var length) || length > TopicName.MaximumLength)
        {
            return false;
        }

        Span<byte> utf8 = length <= 512 ? stackalloc byte[length] : new byte[length];
        Encoding.UTF8.GetBytes(filter, utf8);
        return IsValid(utf8);
    }

    /// <summary>True when the filter begins with <c>$share/</c>.</summary>
    /// <param name="filter">UTF-8.</param>
    public static bool IsShared(ReadOnlySpan<byte> filter) => filter.StartsWith(SharePrefix);

    /// <summary>True when the filter begins with <c>$share/</c>.</summary>
    /// <param name="filter">Text.</param>
    public static bool IsShared(ReadOnlySpan<char> filter) => filter.StartsWith("$share/", StringComparison.Ordinal);

    /// <summary>True when the filter has a wildcard anywhere.</summary>
    /// <param name="filter">UTF-8, valid.</param>
    public static bool HasWildcard(ReadOnlySpan<byte> filter) => filter.IndexOfAny((byte)'+', (byte)'#') >= 0;

    /// <summary>Takes a shared filter apart.</summary>
    /// <param name="filter">UTF-8, the prefix included.</param>
    /// <param name="group">Share name.</param>
    /// <param name="inner">The filter messages are matched with.</param>
    /// <returns>False when it is not a well-formed shared filter [MQTT-4.8.2-1], [MQTT-4.8.2-2].</returns>
    public static bool TryParseShared(ReadOnlySpan<byte> filter, out ReadOnlySpan<byte> group, out ReadOnlySpan<byte> inner)
    {
        group = default;
        inner = default;
        if (!IsShared(filter))
        {
            return false;
        }

        var rest = filter[SharePrefix.Length..];
        var slash = rest.IndexOf((byte)'/');
        if (slash <= 0 || slash == rest.Length - 1)
        {
            return false;
        }

        group = rest[..slash];
        inner = rest[(slash + 1)..];
        return !HasWildcard(group) && WildcardsStandAlone(inner);
    }

    /// <summary>Takes a shared filter apart.</summary>
    /// <param name="filter">Text, valid, the prefix included.</param>
    /// <param name="group">Share name; null when the filter is not shared.</param>
    /// <param name="inner">The filter messages are matched with: the whole when not shared.</param>
    public static void Split(string filter, out string? group, out string inner)
    {
        ArgumentNullException.ThrowIfNull(filter);
        group = null;
        inner = filter;
        if (IsShared(filter))
        {
            var slash = filter.IndexOf('/', SharePrefix.Length);
            if (slash > SharePrefix.Length)
            {
                group = filter[SharePrefix.Length..slash];
                inner = filter[(slash + 1)..];
            }
        }
    }

    /// <summary>True when a message published to <paramref name="topic"/> reaches <paramref name="filter"/>.</summary>
    /// <param name="filter">UTF-8, valid, without the <c>$share/group/</c> prefix.</param>
    /// <param name="topic">UTF-8, valid topic name.</param>
    /// <remarks>A topic that begins with <c>$</c> is not reached by a leading wildcard [MQTT-4.7.2-1].</remarks>
    public static bool Matches(ReadOnlySpan<byte> filter, ReadOnlySpan<byte> topic)
    {
        if (filter.IsEmpty || topic.IsEmpty || (topic[0] == '$' && filter[0] is (byte)'+' or (byte)'#'))
        {
            return false;
        }

        while (true)
        {
            if (filter.Length == 1 && filter[0] == '#')
            {
                return true;
            }

            var filterLevel = TakeLevel(ref filter, out var filterEnds);
            var topicLevel = TakeLevel(ref topic, out var topicEnds);
            if (!(filterLevel.Length == 1 && filterLevel[0] == '+') && !filterLevel.SequenceEqual(topicLevel))
            {
                return false;
            }

            if (filterEnds || topicEnds)
            {
                // "sport/#" also matches "sport": # stands for the parent and every level below.
                return (filterEnds && topicEnds) || (topicEnds && filter.Length == 1 && filter[0] == '#');
            }
        }
    }

    /// <summary>True when a message published to <paramref name="topic"/> reaches <paramref name="filter"/>.</summary>
    /// <param name="filter">Text, valid, without the <c>$share/group/</c> prefix.</param>
    /// <param name="topic">Text, valid topic name.</param>
    public static bool Matches(string filter, string topic) => Matches(Encoding.UTF8.GetBytes(filter), Encoding.UTF8.GetBytes(topic));

    private static ReadOnlySpan<byte> TakeLevel(ref ReadOnlySpan<byte> rest, out bool ends)
    {
        var slash = rest.IndexOf((byte)'/');
        ends = slash < 0;
        var level = ends ? rest : rest[..slash];
        rest = ends ? default : rest[(slash + 1)..];
        return level;
    }

    private static bool WildcardsStandAlone(ReadOnlySpan<byte> filter)
    {
        var at = filter.IndexOfAny((byte)'+', (byte)'#');
        while (at >= 0)
        {
            var startsLevel = at == 0 || filter[at - 1] == '/';
            var endsFilter = at == filter.Length - 1;
            var endsLevel = endsFilter || filter[at + 1] == '/';
            if (!startsLevel || !endsLevel || (filter[at] == '#' && !endsFilter))
            {
                return false;
            }

            var next = filter[(at + 1)..].IndexOfAny((byte)'+', (byte)'#');
            at = next < 0 ? -1 : at + 1 + next;
        }

        return true;
    }
}
