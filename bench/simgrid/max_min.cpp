// Rates of a permutation by SimGrid, through its public API: reads an instance, prints rates.
//
// Every host sends to one, so that its way up and the target's way down are routes of a star: the
// load of a host's own link is the rate of its flow once all flows have started.

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include <simgrid/s4u.hpp>

namespace sg4 = simgrid::s4u;
using Clock = std::chrono::steady_clock;

static double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int main(int argc, char** argv) {
  sg4::Engine engine(&argc, argv);
  // plain max-min sharing: no factors, no window, no cross traffic of acknowledgements
  for (const char* option : {"network/model:CM02", "network/crosstraffic:0", "network/weight-S:0",
                             "network/bandwidth-factor:1", "network/latency-factor:1",
                             "network/TCP-gamma:1e30", "maxmin/precision:1e-9"})
    engine.set_config(option);
  std::ifstream input(argv[1]);
  size_t hosts = 0, links = 0, hops = 0;
  input >> hosts >> links >> hops;
  std::vector<double> capacity(links);
  for (auto& value : capacity) input >> value;
  std::vector<size_t> target(hosts);
  std::vector<std::vector<size_t>> up(hosts), down(hosts);
  for (size_t host = 0; host < hosts; host++) {
    input >> target[host];
    for (size_t hop = 0; hop < hops; hop++) {
      size_t link = 0;
      input >> link;
      if (link < links) (hop < hops / 2 ? up[host] : down[target[host]]).push_back(link);
    }
  }
  auto begun = Clock::now();
  auto* zone = sg4::create_star_zone("fabric");
  std::vector<sg4::Link*> made(links);
  for (size_t link = 0; link < links; link++)
    made[link] = zone->create_link("l" + std::to_string(link), capacity[link])->seal();
  std::vector<sg4::Host*> host_of(hosts);
  for (size_t host = 0; host < hosts; host++)
    host_of[host] = zone->create_host("h" + std::to_string(host), 1e9)->seal();
  auto routed = [&](const std::vector<size_t>& way) {
    std::vector<sg4::LinkInRoute> found;
    for (size_t link : way) found.emplace_back(made[link]);
    return found;
  };
  for (size_t host = 0; host < hosts; host++) {
    zone->add_route(host_of[host]->get_netpoint(), nullptr, nullptr, nullptr, routed(up[host]), false);
    zone->add_route(nullptr, host_of[host]->get_netpoint(), nullptr, nullptr, routed(down[host]), false);
  }
  zone->seal();
  double built = since(begun), solved = 0.0;
  std::vector<double> rate(hosts, 0.0);
  sg4::Actor::create("all", host_of[0], [&]() {
    std::vector<sg4::CommPtr> flows;
    for (size_t host = 0; host < hosts; host++)
      if (target[host] != host)
        flows.push_back(sg4::Comm::sendto_async(host_of[host], host_of[target[host]], 1000000000));
    auto start = Clock::now();
    sg4::this_actor::sleep_for(1e-6);
    solved = since(start);
    for (size_t host = 0; host < hosts; host++)
      if (target[host] != host) rate[host] = made[up[host].front()]->get_usage();
    for (auto& flow : flows) flow->cancel();
  });
  engine.run();
  std::printf("%.9g %.9g\n", built, solved);
  for (double value : rate) std::printf("%.12g\n", value);
  return 0;
}
