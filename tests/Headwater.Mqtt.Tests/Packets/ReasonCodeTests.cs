namespace Headwater.Mqtt.Tests.Packets;

public sealed class ReasonCodeTests
{
    [Fact]
    public void Reason_codes_keep_their_numbers_when_code_changes() =>
        string.Join(' ', Enum.GetValues<ReasonCode>().Select(code => $"{code}={(byte)code:X2}")).ShouldBe(
            "Success=00 GrantedQoS1=01 GrantedQoS2=02 DisconnectWithWill=04 NoMatchingSubscribers=10 NoSubscriptionExisted=11 "
            + "ContinueAuthentication=18 ReAuthenticate=19 UnspecifiedError=80 MalformedPacket=81 ProtocolError=82 "
            + "ImplementationSpecificError=83 UnsupportedProtocolVersion=84 ClientIdentifierNotValid=85 BadUserNameOrPassword=86 "
            + "NotAuthorized=87 ServerUnavailable=88 ServerBusy=89 Banned=8A ServerShuttingDown=8B BadAuthenticationMethod=8C "
            + "KeepAliveTimeout=8D SessionTakenOver=8E TopicFilterInvalid=8F TopicNameInvalid=90 PacketIdentifierInUse=91 "
            + "PacketIdentifierNotFound=92 ReceiveMaximumExceeded=93 TopicAliasInvalid=94 PacketTooLarge=95 MessageRateTooHigh=96 "
            + "QuotaExceeded=97 AdministrativeAction=98 PayloadFormatInvalid=99 RetainNotSupported=9A QoSNotSupported=9B "
            + "UseAnotherServer=9C ServerMoved=9D SharedSubscriptionsNotSupported=9E ConnectionRateExceeded=9F MaximumConnectTime=A0 "
            + "SubscriptionIdentifiersNotSupported=A1 WildcardSubscriptionsNotSupported=A2");

    [Fact]
    public void Persisted_enums_keep_their_numbers_when_code_changes()
    {
        Enum.GetValues<QualityOfService>().Select(x => $"{x}={(byte)x}").ShouldBe(["AtMostOnce=0", "AtLeastOnce=1", "ExactlyOnce=2"]);
        Enum.GetValues<ProtocolVersion>().Select(x => $"{x}={(byte)x}").ShouldBe(["V311=4", "V5=5"]);
    }
}
