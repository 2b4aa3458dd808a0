using System.Security.Claims;
using Headwater.Accounts;
using Headwater.Accounts.Audit;
using Headwater.Accounts.People;
using Headwater.Accounts.Tokens;
using Microsoft.AspNetCore.Http;

namespace Headwater.Web.Security;

/// <summary>Who makes a request, judged from memory at its beginning: a signed-in person or a token.</summary>
/// <param name="Person">The person, or null for a token.</param>
/// <param name="Token">The token, or null for a person.</param>
/// <param name="Remote">The peer's address.</param>
internal sealed record Caller(Person? Person, Token? Token, string Remote)
{
    internal const string PersonClaim = "person";
    internal const string VersionClaim = "version";

    internal Role Role => Person?.Role ?? Token!.Role;

    internal long OrganizationId => Person?.Organization.OrganizationId ?? Token!.OrganizationId;

    internal string Name => Person is not null ? "person:" + Person.Name : "token:" + Token!.Name;

    internal Actor Actor => new(Name, OrganizationId, Remote);

    internal static string RemoteOf(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return address is null ? "local" : (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
    }

    /// <summary>The caller of an authorised request.</summary>
    internal static Caller Of(HttpContext context) => context.Features.Get<Caller>() ?? throw new InvalidOperationException("The endpoint lacks its role.");

    /// <summary>The person a cookie speaks for, if what it says is still in force.</summary>
    internal static Person? PersonOf(ClaimsPrincipal? principal, PeopleDirectory people)
    {
        if (!long.TryParse(principal?.FindFirstValue(PersonClaim), out var id) || people.Find(id) is not { IsDisabled: false } person) { return null; }
        return string.Equals(principal!.FindFirstValue(VersionClaim), person.SecurityVersion.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal) ? person : null;
    }
}
