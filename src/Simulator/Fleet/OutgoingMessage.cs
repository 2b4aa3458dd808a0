using Headwater.Mqtt;

namespace Headwater.Simulator.Fleet;

/// <summary>A message a station is about to publish.</summary>
internal readonly record struct OutgoingMessage(string Topic, ReadOnlyMemory<byte> Payload, QualityOfService QualityOfService, bool Retain);
