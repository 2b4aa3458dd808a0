namespace Headwater.Web.Api;

/// <summary>A part of a list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Total">How many there are in all.</param>
/// <param name="Items">Those asked for.</param>
public sealed record ApiPage<T>(int Total, IReadOnlyList<T> Items);

/// <summary>A whole list.</summary>
/// <typeparam name="T">What is listed.</typeparam>
/// <param name="Items">All of them.</param>
public sealed record ApiList<T>(IReadOnlyList<T> Items);

/// <summary>Bounds what a caller asks for at once.</summary>
internal static class Paging
{
    internal static int Limit(int? limit, int standard, int most) => Math.Clamp(limit ?? standard, 1, most);

    internal static int Offset(int? offset) => Math.Max(0, offset ?? 0);

    /// <summary>Cuts a page out of what fits.</summary>
    internal static ApiPage<TOut> Page<TIn, TOut>(IEnumerable<TIn> all, int? offset, int? limit, int standard, int most, Func<TIn, TOut> shape)
    {
        var list = all as IReadOnlyList<TIn> ?? [.. all];
        return new ApiPage<TOut>(list.Count, [.. list.Skip(Offset(offset)).Take(Limit(limit, standard, most)).Select(shape)]);
    }
}
